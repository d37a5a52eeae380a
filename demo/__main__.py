"""``python -m demo``: documents through Bedrock Data Automation in a real Airflow, without an AWS account."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from demo.airflow_process import AirflowProcessError
from demo.airflow_rest import AirflowApiError
from demo.job import DemoError, Options, run_demo

if TYPE_CHECKING:
    from types import FrameType


def main(arguments: list[str] | None = None) -> int:
    """Run the demo.

    :returns: 0 only if every document succeeded.
    """
    options = _parse(arguments)
    # Asked for explicitly: started in a shell's background, Python would ignore Ctrl-C. The others end the
    # demo the same way, so that what it started is stopped.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {line}", flush=True)

    try:
        return run_demo(options, say)
    except (DemoError, AirflowProcessError, AirflowApiError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything is stopped.", file=sys.stderr, flush=True)
        return 130


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _parse(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument(
        "--docs", type=Path, metavar="FOLDER", help="your own files; without it the demo makes documents"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where everything goes (.demo/<time>)")
    parser.add_argument("--keep", action="store_true", help="leave Airflow up to look at, until Ctrl-C")
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="for the Dag's run (600, and 10 for each document)"
    )
    given = parser.parse_args(arguments)
    out = given.out or Path(".demo") / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Options(docs=given.docs, out=out.resolve(), keep=given.keep, timeout=given.timeout)


if __name__ == "__main__":
    sys.exit(main())
