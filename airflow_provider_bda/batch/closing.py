"""The worker's part after an engine has ended: the verdict on the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch.plan import Policy
from airflow_provider_bda.batch.policy import Tally, failure
from airflow_provider_bda.batch.reason import closing_lines, commonest_of
from airflow_provider_bda.exceptions import BdaBatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.batch.layout import BatchLayout
    from airflow_provider_bda.batch.plan import Plan, Run

#: States of an engine that ended well: all is done, or the portion the author asked for.
GOOD = frozenset({"done", "portion"})


def verdict(
    layout: BatchLayout, plan: Plan, run: Run, summary: Mapping[str, Any], ended: Mapping[str, Any]
) -> None:
    """Raise what the batch has failed of; return if it is a success.

    :raises BdaBatchError: more failed than was tolerated, or the engine could not or would not go on.
    """
    tally = Tally(
        plan.documents,
        succeeded=summary["succeeded"],
        failed=summary["failed"],
        rejected=summary["rejected"],
        skipped=summary["skipped"],
    )
    why = failure(Policy.from_json(run.policy), tally)
    left = plan.documents - tally.ended
    # An engine that broke when everything was done has left nothing that the worker has not written by now.
    good = ended["state"] in GOOD or (ended["state"] == "broken" and not left)
    if not good:
        cause = _ENDINGS[ended["state"]].format(why=ended["why"])
        why = f"{cause} ({why})" if why else cause
    if why is None:
        return
    counts = f"{tally.succeeded:,} succeeded, {tally.failed:,} failed, {tally.rejected:,} rejected, {left:,} were not done"
    commonest = commonest_of(summary)
    lines = closing_lines(commonest, layout)
    if commonest is None and left:
        lines = (
            "No document failed.",
            "A retry of the task goes on with those that were not done.",
            lines[2],
        )
    raise BdaBatchError(
        "\n".join((f"batch {layout.batch_s3_uri}: {why}. Of {plan.documents:,} documents {counts}", *lines))
    )


_ENDINGS = {
    "stopped": "it was stopped: {why}",
    "refused": "{why}",
    "deadline": "{why}; a retry goes on where it ended, and waits for the jobs that still run",
    "broken": "its engine could not go on: {why}; a retry goes on where the ledger ends",
}
