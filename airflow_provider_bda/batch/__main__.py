"""The command ``python -m airflow_provider_bda.batch``: where a batch stands, what failed, and deleting its outputs."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bda.hooks.base import BdaBaseHook


def main(arguments: list[str]) -> int:
    """Do what the command line asks for.

    :return: 0, or 1 if it could not be done.
    """
    options = _parser().parse_args(arguments)
    # As Airflow's own ``airflow connections`` commands do: without it only the environment would be read.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    if not options.verbose:
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
    from airflow_provider_bda.exceptions import BdaError  # noqa: PLC0415 - after the environment is set
    from airflow_provider_bda.hooks.base import BdaBaseHook  # noqa: PLC0415 - as above

    out = sys.stdout
    # Airflow logs to stdout, which is the answer's.
    with contextlib.redirect_stdout(sys.stderr):
        hook = BdaBaseHook(aws_conn_id=options.conn or None, region_name=options.region)
        try:
            for line in _DOING[options.command](hook, options):
                out.write(f"{line}\n")
            out.flush()
        except BdaError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        except (
            BrokenPipeError
        ):  # whoever reads has seen enough; Python would complain of it once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    return 0


def _status(hook: BdaBaseHook, options: argparse.Namespace) -> Iterator[str]:
    from airflow_provider_bda.batch.report import status_lines, status_of  # noqa: PLC0415 - as above

    status = status_of(hook, options.batch)
    if options.json:
        yield json.dumps(status, indent=2)
    else:
        yield from status_lines(status)


def _failures(hook: BdaBaseHook, options: argparse.Namespace) -> Iterator[str]:
    from airflow_provider_bda.batch.report import failure_line  # noqa: PLC0415 - as above
    from airflow_provider_bda.batch.results import iter_results  # noqa: PLC0415 - as above

    for row in iter_results(options.batch, lambda row: row.undone, hook=hook):
        yield json.dumps(row.to_json()) if options.json else failure_line(row)


def _purge(hook: BdaBaseHook, options: argparse.Namespace) -> Iterator[str]:
    from airflow_provider_bda.batch.purge import purge_batch  # noqa: PLC0415 - as above
    from airflow_provider_bda.batch.report import purge_line  # noqa: PLC0415 - as above

    purged = purge_batch(hook, options.batch, dry_run=not options.delete, unfinished=options.unfinished)
    yield json.dumps(purged.to_dict(), indent=2) if options.json else purge_line(purged)


_DOING = {"status": _status, "failures": _failures, "purge": _purge}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_bda.batch",
        description="Look at a batch on S3, or delete its outputs.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("status", help="where it stands: counts, durations, reasons")
    commands.add_parser(
        "failures", help="the documents that are not done, one a line; with --json as JSON lines"
    )
    purge = commands.add_parser("purge", help="what its jobs wrote: count it, or delete it")
    purge.add_argument("--delete", action="store_true", help="DELETE, not only count")
    purge.add_argument(
        "--unfinished", action="store_true", help="also if it has no summary: it runs, or was given up"
    )
    for command in commands.choices.values():
        command.add_argument("batch", type=_s3, help="the batch_s3_uri that BdaBatchOperator returned")
        command.add_argument(
            "--conn", default="aws_default", help='Airflow connection; "" for boto\'s own chain'
        )
        command.add_argument("--region", help="AWS Region; default: the connection's")
        command.add_argument("--json", action="store_true", help="print JSON")
        command.add_argument("--verbose", action="store_true", help="show the warnings of Airflow and boto")
    return parser


def _s3(value: str) -> str:
    if not value.startswith("s3://") or not value.removeprefix("s3://").partition("/")[2]:
        raise argparse.ArgumentTypeError(f"{value!r} is no batch; write s3://bucket/prefix/_batches/id")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
