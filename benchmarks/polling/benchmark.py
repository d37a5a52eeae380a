"""Calls and delays of learned polling and of event hints against a plain interval; the goals are issue 8's."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from benchmarks.polling.simulation import INTERVAL, Outcome, crowd, short_jobs, simulate
from benchmarks.report import Report, Row

if TYPE_CHECKING:
    import argparse

WAYS = ("plain", "learned", "hints")
GOALS = {"learned": (2.5, 10.0), "hints": (1.2, 2.0)}


def run(options: argparse.Namespace) -> Report:
    """Run each scenario in each way, one after the other."""
    count, in_flight = (250, 100) if options.quick else (1000, 1000)
    limit = in_flight / 100
    scenarios: dict[str, tuple[list[Any], dict[str, Any]]] = {
        "60 s jobs": (short_jobs(count, 0.1), {"measured_from": count / 10}),
        "crowd, durations ±2 %": (crowd(in_flight, 600.0, 0.02), {"limit": limit, "measured_from": 1200.0}),
        "crowd, durations ±5 %": (crowd(in_flight, 600.0, 0.05), {"limit": limit, "measured_from": 1200.0}),
    }
    outcomes: dict[tuple[str, str], Outcome] = {}
    for name, (jobs, settings) in scenarios.items():
        for way in WAYS:
            print(f"polling: {name}, {way} ...", file=sys.stderr, flush=True)
            outcomes[name, way] = simulate(jobs, way, **settings)
    rows = [row for name in scenarios for way in WAYS[1:] for row in _rows(name, way, outcomes)]
    return Report(
        name="polling",
        title=f"{count:,} jobs of 60 s ± 10 %; {in_flight:,} jobs in flight of 400 to 800 s at {limit:g} status calls a "
        "second",
        rows=rows,
        faults=[],
        notes=[
            f"the peer asks for each job every {INTERVAL:g} s, whoever waits longest first, in the same run",
            "simulated clock: poller, budget and durations are the package's own, clock and service are stand-ins",
            "60 s jobs: nothing is known when the first of them comes; figures of those that begin after 100 s (250 jobs: 25 s)",
            "crowd: figures of the last third of the jobs",
            "hints: every end is told by an event half a second later",
        ],
        raw={f"{name}, {way}": asdict(outcome) for (name, way), outcome in outcomes.items()},
    )


def _rows(name: str, way: str, outcomes: dict[tuple[str, str], Outcome]) -> list[Row]:
    ours, peer = outcomes[name, way], outcomes[name, "plain"]
    most_calls, latest = GOALS[way]
    crowded = name.startswith("crowd")
    return [
        Row(
            f"{name}, {way}: status calls per job",
            "",
            ours.calls_per_job,
            peer.calls_per_job,
            "" if crowded else f"{most_calls:g}",
            reached=None if crowded else ours.calls_per_job <= most_calls,
        ),
        Row(
            f"{name}, {way}: event after job end, p99",
            "s",
            ours.percentile(0.99),
            peer.percentile(0.99),
            f"{latest:g} s" if crowded else "",
            reached=ours.percentile(0.99) <= latest if crowded else None,
            digits=1,
        ),
        Row(
            f"{name}, {way}: event after job end, median",
            "s",
            ours.percentile(0.5),
            peer.percentile(0.5),
            digits=1,
        ),
    ]
