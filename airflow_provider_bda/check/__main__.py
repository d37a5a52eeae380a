"""The command ``python -m airflow_provider_bda.check``: run it where tasks run, a worker or a triggerer machine.

The connection comes from where Airflow has it: environment, secrets backend, and the metadata database where
this machine reaches it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
import warnings


def main(arguments: list[str]) -> int:
    """Run the preflight and print the table.

    :return: 0 if nothing failed, 1 if something did.
    """
    options = _parser().parse_args(arguments)
    # As Airflow's own ``airflow connections`` commands do: without it only the environment would be read.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    if not options.verbose:
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
    from airflow_provider_bda.hooks.bedrock_data_automation import (  # noqa: PLC0415 - after the environment is set
        BedrockDataAutomationRuntimeHook,
    )

    # Airflow logs to stdout, which is the table's.
    with contextlib.redirect_stdout(sys.stderr):
        hook = BedrockDataAutomationRuntimeHook(aws_conn_id=options.conn or None, region_name=options.region)
        report = hook.check(
            project=options.project,
            project_stage=options.project_stage,
            input_s3_uri=options.input,
            output_s3_uri=options.output,
            kms_key_id=options.kms_key,
            profile_arn=options.profile,
            submit=options.submit,
        )
    text = json.dumps(report.to_dict(), indent=2) if options.json else report.text()
    sys.stdout.write(f"{text}\n")
    return 0 if report.passed else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_bda.check",
        description="Check whether everything is there that a job of Bedrock Data Automation needs: connection, names, "
        "identity, project, buckets, keys, quotas. Free, unless --submit is given.",
    )
    parser.add_argument("--conn", default="aws_default", help='Airflow connection; "" for boto\'s own chain')
    parser.add_argument("--region", help="AWS Region; default: the connection's")
    parser.add_argument("--project", help="ARN or name of the project")
    parser.add_argument("--project-stage", choices=["LIVE", "DEVELOPMENT"])
    parser.add_argument("--input", type=_s3, help='a file, or a prefix that ends in "/": s3://bucket/key')
    parser.add_argument("--output", type=_s3, help="the prefix of the output: s3://bucket/prefix")
    parser.add_argument("--kms-key", help="the customer's key for the output")
    parser.add_argument("--profile", help="ARN of the data-automation profile; default: the Region's")
    parser.add_argument(
        "--submit", action="store_true", help="BUY ONE PAGE: submit a made document and wait for it"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--verbose", action="store_true", help="show the warnings of Airflow and boto")
    return parser


def _s3(value: str) -> str:
    if not value.startswith("s3://") or not value.removeprefix("s3://").partition("/")[0]:
        raise argparse.ArgumentTypeError(f"{value!r} is not an S3 URI; write s3://bucket/key")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
