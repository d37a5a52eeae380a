"""The command ``python -m airflow_provider_bda.iam``: print a policy, or the page of the documentation."""

from __future__ import annotations

import argparse
import json
import sys

from airflow_provider_bda.iam.batch import batch_needs
from airflow_provider_bda.iam.page import markdown
from airflow_provider_bda.iam.policy import Who, policy
from airflow_provider_bda.iam.scope import Scope


def main(arguments: list[str]) -> int:
    """Print a policy, or the page of the documentation."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_bda.iam",
        description="Print the IAM policy that BdaInvokeOperator needs, or BdaBatchOperator (--batch).",
    )
    parser.add_argument("who", nargs="?", choices=[who.value for who in Who], default=Who.WORKER.value)
    parser.add_argument("--region", default="*", help="the AWS Region")
    parser.add_argument("--account", default="*", help="the AWS account")
    parser.add_argument("--project", help="the project's ARN")
    parser.add_argument(
        "--input", dest="input_s3_uri", help="the file or prefix of the input, s3://bucket/key"
    )
    parser.add_argument("--output", dest="output_s3_uri", help="the prefix of the output, s3://bucket/prefix")
    parser.add_argument("--batch", action="store_true", help="of BdaBatchOperator instead")
    parser.add_argument(
        "--state", dest="state_s3_uri", help="the prefix of a batch's index of processed documents"
    )
    parser.add_argument("--kms-key", help="the customer's key")
    parser.add_argument("--queue", dest="completion_queue", help="the URL of the queue of the jobs' events")
    parser.add_argument("--least", action="store_true", help="leave out what is needed only sometimes")
    parser.add_argument("--markdown", action="store_true", help="print the page of the documentation")
    given = vars(parser.parse_args(arguments))
    who, least, page = Who(given.pop("who")), given.pop("least"), given.pop("markdown")
    of = batch_needs() if given.pop("batch") else None
    made = policy(who, Scope(**given), whole=not least, of=of)
    text = markdown() if page else json.dumps(made, indent=2) + "\n"
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
