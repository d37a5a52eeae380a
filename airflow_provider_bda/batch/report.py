"""What ``python -m airflow_provider_bda.batch`` prints: where a batch stands, as JSON and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch._files import read_json, s3_of
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.purge import purged_uri
from airflow_provider_bda.batch.results import iter_results
from airflow_provider_bda.batch.rows import STATUSES
from airflow_provider_bda.batch.summary import Figures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_bda.batch.purge import Purged
    from airflow_provider_bda.batch.rows import Row
    from airflow_provider_bda.hooks.base import BdaBaseHook

#: Reasons that the text names; the JSON has more.
_REASONS = 10


def status_of(hook: BdaBaseHook, batch_uri: str) -> dict[str, Any]:
    """Answer where a batch stands, as plain JSON.

    ``figures`` is its summary, or, while there is none, the same counts of the rows there are by now.

    :raises BdaInputError: there is no such batch.
    :raises BdaError: S3 refuses it.
    """
    s3, layout = s3_of(hook), BatchLayout(batch_uri.rstrip("/"))
    summary = read_json(s3, layout.summary)
    return {
        "batch_s3_uri": layout.batch_s3_uri,
        "finished": summary is not None,
        "figures": summary or _count(hook, batch_uri),
        "progress": read_json(s3, layout.progress),
        "purged": read_json(s3, purged_uri(layout)),
    }


def _count(hook: BdaBaseHook, batch_uri: str) -> dict[str, Any]:
    figures = Figures()
    for row in iter_results(batch_uri, hook=hook):
        figures.add(row)
    return figures.to_json()


def status_lines(status: Mapping[str, Any]) -> Iterator[str]:
    """Answer the same as text."""
    figures = status["figures"]
    yield f"batch      {status['batch_s3_uri']}"
    if status["finished"]:
        yield f"finished   {figures['finished_at']}"
    else:
        yield "finished   no; what follows counts the documents of the segments that are closed by now"
        progress = status["progress"] or {}
        shown = [f"{name} {value}" for name, value in progress.items() if not isinstance(value, dict | list)]
        yield f"progress   {', '.join(shown) or 'not written yet'}"
    counts = ", ".join(f"{figures[name]:,} {name}" for name in STATUSES)
    yield f"documents  {figures['total']:,}: {counts}"
    yield f"jobs       {figures['jobs_submitted']:,} bought"
    for name in ("queued", "running"):
        seconds = figures["seconds"][name]
        if seconds["count"]:
            yield (
                f"{name:<10} median {seconds['median']:g} s, 95 % within {seconds['p95']:g} s, longest "
                f"{seconds['max']:g} s"
            )
    yield from _bodies(figures)
    for reason in figures["reasons"][:_REASONS]:
        yield f"reason     {reason['documents']:,} x {reason['reason']} (helps: {reason['helps']})"
    if purged := status["purged"]:
        yield (
            f"purged     {purged['objects']:,} objects of {purged['jobs']:,} jobs, {purged['bytes']:,} bytes, last "
            f"{purged['purged_at']}"
        )


def failure_line(row: Row) -> str:
    """Answer a row that is not done as one line of text."""
    words = ": ".join(filter(None, (row.error_type, row.error_message))) or "no reason was given"
    return " ".join(f"{row.status:<8}  {row.document_id}  {row.input_s3_uri}  {words}".splitlines())


def purge_line(purged: Purged) -> str:
    """Answer what was purged as one line of text."""
    what = f"{purged.objects:,} objects of {purged.jobs:,} jobs, {purged.bytes:,} bytes"
    refused = f"; {purged.refused:,} rows were left alone, for their output is not provably their job's"
    end = refused if purged.refused else ""
    if purged.dry_run:
        return f"would delete {what}{end}. Nothing was deleted: add --delete"
    return f"deleted {what}{end}"


def _bodies(figures: Mapping[str, Any]) -> Iterator[str]:
    """Answer what is known only once the bodies were read."""
    if "bodies" not in figures:
        return
    bodies = figures["bodies"]
    of = " (an evenly spaced sample)" if bodies["sampled"] else ""
    yield f"read       {bodies['read']:,} of {bodies['succeeded']:,} outputs{of}, {bodies['unreadable']:,} unreadable"
    if figures["pages"]["documents"]:
        yield f"pages      {figures['pages']['count']:,} in {figures['pages']['documents']:,} documents"
    if figures["estimated_cost_usd"] is not None:
        yield f"cost       about {figures['estimated_cost_usd']} USD"
    for blueprint in figures["blueprints"]:
        name = " version ".join(filter(None, (blueprint["name"] or blueprint["arn"], blueprint["version"])))
        yield f"blueprint  {name}: {blueprint['segments']:,} outputs, match rate {blueprint['match_rate']}"
