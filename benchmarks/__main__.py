"""The command: ``python -m benchmarks [NAME ...] [--quick] [--json FILE] [options of a benchmark]``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import imports, role_refresh
from benchmarks.batch_scale import benchmark as batch_scale
from benchmarks.batch_slots import benchmark as batch_slots
from benchmarks.in_airflow import cost, documents
from benchmarks.index import benchmark as index
from benchmarks.polling import benchmark as polling
from benchmarks.report import machine
from benchmarks.ui import benchmark as ui
from benchmarks.waiting import benchmark as waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.report import Report

#: Name -> what runs it.
BENCHMARKS: dict[str, Callable[[argparse.Namespace], Report]] = {
    "waiting": waiting.run,
    "polling": polling.run,
    "role_refresh": role_refresh.run,
    "batch_scale": batch_scale.run,
    "batch_slots": batch_slots.run,
    "batch_documents": documents.run,
    "index": index.run,
    "airflow_cost": cost.run,
    "ui": ui.run,
    "imports": imports.run,
}


def main(arguments: list[str]) -> int:
    """Run the named benchmarks (all of them by default) and print their tables.

    :return: 0, or 1 if something measured was lost or wrong.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: does it run? The figures mean little"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    waiting.add_options(parser)
    index.add_options(parser)
    role_refresh.add_options(parser)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark is named {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    reports = []
    for name in options.names or BENCHMARKS:
        before = machine()
        report = BENCHMARKS[name](options)
        print(report.text(before, machine()))
        reports.append(report.to_dict() | {"before": before, "after": machine()})
    if options.json:
        options.json.write_text(json.dumps(reports, indent=1) + "\n")
    return 1 if any(report["faults"] for report in reports) else 0


sys.exit(main(sys.argv[1:]))
