"""What the asset events of a task's outlets say: which job or batch made them, and how it went. URIs and counts only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.operators._aws import BdaAwsOperator

#: Where in an asset event's ``extra`` it stands.
EXTRA_KEY = "bda"
_OF_A_JOB = ("kind", "handle", "status", "partial", "output_s3_uri")
_OF_A_BATCH = (
    "batch_id",
    "batch_s3_uri",
    "results_s3_uri",
    "total",
    "succeeded",
    "failed",
    "rejected",
    "skipped",
    "remaining",
)


def announce(task: BdaAwsOperator, context: Any, result: Any) -> Any:
    """Write into the asset events of a task's outlets what it returns, as far as that is no body; answer the result.

    Lineage is told the same.
    """
    task.lineage_note(result)
    events: Mapping[Any, Any] | None = context.get("outlet_events")
    if events is None or not isinstance(result, dict):
        return result
    told = {name: result[name] for name in (*_OF_A_JOB, *_OF_A_BATCH) if name in result}
    for outlet in task.outlets:
        if isinstance(outlet, Asset):
            events[outlet].extra[EXTRA_KEY] = told
    return result
