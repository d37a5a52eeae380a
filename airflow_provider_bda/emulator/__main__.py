"""``python -m airflow_provider_bda.emulator``: the emulator on its own, until SIGINT or SIGTERM.

Prints one ``export`` line a variable on standard output, so that a shell can take them over, and
everything meant for people on standard error.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from airflow_provider_bda.emulator.settings import Settings


def _seconds(text: str) -> float | tuple[float, float]:
    low, dash, high = text.partition("-")
    try:
        found = (float(low), float(high)) if dash else float(low)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither seconds nor LOWEST-HIGHEST") from None
    if isinstance(found, tuple) and found[0] > found[1]:
        raise argparse.ArgumentTypeError(f"{text!r}: the lowest is above the highest")
    return found


def _lane(text: str) -> tuple[str, int]:
    name, _, number = text.upper().partition("=")
    if name not in {"DOCUMENT", "IMAGE", "AUDIO", "VIDEO"} or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form document=25")
    return name, int(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_bda.emulator",
        description="A local stand-in for Amazon Bedrock Data Automation, S3, SQS, EventBridge and STS.",
    )
    add = parser.add_argument
    add(
        "--host",
        default="127.0.0.1",
        help="address to listen on; it asks for no password (default: %(default)s)",
    )
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default: %(default)s)")
    add("--region", default="us-east-1", help="Region of callers that name none (default: %(default)s)")
    add("--account", help="account id of callers (default: 123456789012)")
    add(
        "--seconds", type=_seconds, default=1.0, metavar="N|LOW-HIGH", help="how long a job runs (default: 1)"
    )
    add("--concurrent", type=_lane, action="append", default=[], metavar="document=25",
        help="running jobs at once by modality; repeatable (default: AWS's quotas)")  # fmt: skip
    add("--open-jobs", type=int, default=1_800, help="jobs not yet ended (default: %(default)s)")
    add("--token-memory", type=float, metavar="SECONDS",
        help="how long a client token outlives its job (default: for ever)")  # fmt: skip
    add("--bucket", action="append", default=[], help="create this bucket at start; repeatable")
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    from airflow_provider_bda.emulator.settings import CONCURRENT_JOBS, Settings  # noqa: PLC0415 - --help stays quick

    return Settings(
        region=options.region,
        account=options.account,
        duration=options.seconds,
        concurrent_jobs={**CONCURRENT_JOBS, **dict(options.concurrent)},
        open_jobs=options.open_jobs,
        token_memory=options.token_memory,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until a signal comes.

    :param arguments: of the command line; None takes the process's own.
    """
    options = _parser().parse_args(arguments)
    from airflow_provider_bda.emulator.emulator import Emulator  # noqa: PLC0415 - --help stays quick

    over = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        emulator = Emulator(_settings(options), host=options.host, port=options.port).start()
    except OSError as error:
        sys.stderr.write(f"cannot listen on {options.host}:{options.port}: {error.strerror or error}\n")
        return 1
    try:
        for bucket in options.bucket:
            emulator.client("s3").create_bucket(Bucket=bucket, **_location(options.region))
        for name, value in emulator.environ().items():
            print(f"export {name}={shlex.quote(value)}", flush=True)
        sys.stderr.write(
            f"\nThe emulator listens on {emulator.endpoint_url} as account {emulator.account} in {emulator.region}.\n"
            f"Settings, faults, calls and jobs: {emulator.endpoint_url}/_bda/ - stop with Ctrl-C.\n"
        )
        sys.stderr.flush()
        over.wait()
    finally:
        emulator.stop()
    return 0


def _location(region: str) -> dict[str, Any]:
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}


if __name__ == "__main__":
    sys.exit(main())
