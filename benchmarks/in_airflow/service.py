"""The emulator in a process of its own, with documents in its S3, so that it shares neither CPU time nor loop."""

from __future__ import annotations

import argparse
import json
import sys

from airflow_provider_bda.emulator import Emulator, Settings
from tests.pdf import a_pdf

BUCKET = "benchmark"
PROJECT = "benchmark"


def main() -> None:
    """Serve until the standard input ends; say where in one line of JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", type=int, required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--seconds", type=float, nargs=2, required=True)
    options = parser.parse_args()
    settings = Settings(
        duration=tuple(options.seconds), concurrent_jobs={"DOCUMENT": options.slots}, calls_kept=1_000_000
    )
    with Emulator(settings) as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for number in range(options.documents):
            s3.put_object(Bucket=BUCKET, Key=f"in/{number:05d}.pdf", Body=a_pdf(number))
        s3.put_object(Bucket=BUCKET, Key="warm/0.pdf", Body=a_pdf(0))
        bda = aws.client("bedrock-data-automation")
        made = bda.create_data_automation_project(projectName=PROJECT, standardOutputConfiguration={})
        told = {
            "endpoint_url": aws.endpoint_url,
            "connection": aws.connection(),
            "project_arn": made["projectArn"],
            "profile_arn": aws.profile_arn,
        }
        print(json.dumps(told), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
