"""Our own facets of OpenLineage events. Needs the extra ``openlineage``; nothing imports it unless events are made."""

from __future__ import annotations

from typing import Any

import attr
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import JobFacet, RunFacet

__all__ = ["BdaJobFacet", "BdaRunFacet", "InputDataset", "OutputDataset", "run_facet"]


@attr.define
class BdaRunFacet(RunFacet):
    """How a task's job or batch stands, as far as it is known at the event; what is not known is left out.

    ``handle``: the fields of AWS that name the job. ``status``: the service's own word. ``partial``: it ended with some items
    failed. The counts are of documents; ``jobs_submitted`` were paid, ``estimated_cost_usd`` is by list prices.
    ``error_type`` and ``error_message`` are the service's.
    """

    kind: str | None = attr.field(default=None, kw_only=True)
    handle: dict[str, str] | None = attr.field(default=None, kw_only=True)
    status: str | None = attr.field(default=None, kw_only=True)
    partial: bool | None = attr.field(default=None, kw_only=True)
    error_type: str | None = attr.field(default=None, kw_only=True)
    error_message: str | None = attr.field(default=None, kw_only=True)
    batch_id: str | None = attr.field(default=None, kw_only=True)
    total: int | None = attr.field(default=None, kw_only=True)
    succeeded: int | None = attr.field(default=None, kw_only=True)
    failed: int | None = attr.field(default=None, kw_only=True)
    rejected: int | None = attr.field(default=None, kw_only=True)
    skipped: int | None = attr.field(default=None, kw_only=True)
    remaining: int | None = attr.field(default=None, kw_only=True)
    jobs_submitted: int | None = attr.field(default=None, kw_only=True)
    estimated_cost_usd: float | None = attr.field(default=None, kw_only=True)


@attr.define
class BdaJobFacet(JobFacet):
    """What a task asks of the service: the job kind, and by which project, blueprints or model."""

    kind: str | None = attr.field(default=None, kw_only=True)
    project: str | None = attr.field(default=None, kw_only=True)
    project_stage: str | None = attr.field(default=None, kw_only=True)
    blueprints: list[Any] | None = attr.field(default=None, kw_only=True)
    model_id: str | None = attr.field(default=None, kw_only=True)


_RUN_FACTS = [
    field.name
    for field in attr.fields(BdaRunFacet)
    if field.name not in {"_producer", "_schemaURL", "_deleted"}
]


def run_facet(noted: dict[str, Any]) -> BdaRunFacet | None:
    """Answer the facet of what was noted, None if nothing of it belongs there."""
    facts = {name: noted[name] for name in _RUN_FACTS if noted.get(name) is not None}
    return BdaRunFacet(**facts) if facts else None
