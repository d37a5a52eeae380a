"""What every benchmark hands back: rows of goal, ours, peer and ratio, and how they are printed.

Plain text and JSON only, so that the README can quote it and a later run can be compared.
"""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_VERSIONS = ("apache-airflow", "apache-airflow-providers-amazon", "aiobotocore", "botocore")


@dataclass(frozen=True)
class Row:
    """One figure.

    :param what: what was measured.
    :param unit: its unit.
    :param ours: our figure.
    :param peer: the peer's figure in the same run.
    :param goal: the goal in words; empty if there is none.
    :param reached: whether it is reached; None if there is no goal.
    :param digits: digits after the point.
    """

    what: str
    unit: str
    ours: float
    peer: float | None
    goal: str = ""
    reached: bool | None = None
    digits: int = 2

    def cells(self) -> tuple[str, ...]:
        """Answer the row as text."""
        ratio = f"{self.ours / self.peer:.3f}" if self.peer and self.peer > 0 else "-"
        reached = {True: "yes", False: "NO", None: ""}[self.reached]
        return (self.what, self.goal, self._figure(self.ours), self._figure(self.peer), ratio, reached)

    def _figure(self, value: float | None) -> str:
        return "-" if value is None else f"{value:,.{self.digits}f} {self.unit}".rstrip()


@dataclass(frozen=True)
class Report:
    """The outcome of one benchmark.

    :param name: the benchmark.
    :param title: what was run, with its sizes.
    :param rows: the figures.
    :param faults: what was lost or wrong; empty if all is well.
    :param notes: what a reader must know to read the figures rightly.
    :param raw: whatever was measured, for ``--json``.
    """

    name: str
    title: str
    rows: list[Row]
    faults: list[str]
    notes: list[str] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON."""
        return asdict(self)

    def text(self, before: dict[str, Any], after: dict[str, Any]) -> str:
        """Answer the table, with the machine it was taken on."""
        table = [("", "goal", "ours", "peer", "ours/peer", "reached"), *(row.cells() for row in self.rows)]
        widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        load = f"load average {before['load']} before, {after['load']} after"
        return "\n".join(
            [
                "",
                f"{self.name}: {self.title}",
                "",
                *(line.rstrip() for line in lines),
                "",
                *(f"- {note}" for note in self.notes),
                f"- {before['cores']} cores, {load}; Python {before['python']}; {before['versions']}",
                *(f"FAULT: {fault}" for fault in self.faults),
            ]
        )


def machine() -> dict[str, Any]:
    """Answer what the figures depend on beside the code."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "python": platform.python_version(),
        "versions": ", ".join(f"{name} {_version(name)}" for name in _VERSIONS),
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
