"""The engine in a process of its own, on real clients. Prints nothing; the service knows what happened when."""

from __future__ import annotations

import argparse
import asyncio
import sys

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.batch import engine
from airflow_provider_bda.batch.drive import drive


def main() -> int:
    """Drive a batch; 0 if it is done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", required=True)
    parser.add_argument("--poll", type=float, nargs=2, required=True)
    options = parser.parse_args()
    engine.INTERVAL = tuple(options.poll)

    async def go() -> str:
        event = await drive(
            options.batch,
            target=AwsTarget.of("aws_benchmark"),
            s3_target=AwsTarget.of("aws_benchmark"),
            say=lambda text, warning=False: print(text, file=sys.stderr) if warning else None,
            log_interval=10.0,
        )
        return str(event["state"])

    return 0 if asyncio.run(go()) == "done" else 1


if __name__ == "__main__":
    sys.exit(main())
