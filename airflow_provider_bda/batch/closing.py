"""The worker's part after an engine has ended: what the index learns, and the verdict on the batch."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch._files import copy_of
from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.plan import Policy
from airflow_provider_bda.batch.policy import Tally, failure
from airflow_provider_bda.batch.prepare import statuses_in
from airflow_provider_bda.batch.reason import closing_lines, commonest_of
from airflow_provider_bda.exceptions import BdaBatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.batch.layout import BatchLayout
    from airflow_provider_bda.batch.plan import Plan, Run
    from airflow_provider_bda.batch.prepare import Incremental

#: States of an engine that ended well: all is done, or the portion the author asked for.
GOOD = frozenset({"done", "portion"})


def tell_index(
    s3: Any, layout: BatchLayout, plan: Plan, run: Run, incremental: Incremental, ended: str
) -> int:
    """Tell the index which documents are processed, and let go of those that are free; answer how many it was told.

    :param ended: the state in which the engine ended.
    :raises BdaError: S3 refuses; a retry tells it again.
    """
    told = 0
    for number in range(plan.segments):
        statuses = statuses_in(s3, layout, number)
        keys: defaultdict[str | None, list[bytes]] = defaultdict(list)
        with copy_of(s3, layout.manifest(number)) as (manifest, _):
            for line in manifest:
                document = Document.from_json(json.loads(line))
                if document.rejection is None:
                    keys[statuses.get(document.document_id)].append(incremental.key(run, document))
        incremental.index.commit(keys["succeeded"], owner=layout.batch_id)
        # A job of one that failed may still run; of one without a row nothing is known where the engine broke.
        free = keys["rejected"] + (keys[None] if ended in GOOD else [])
        incremental.index.release(free, owner=layout.batch_id)
        told += len(keys["succeeded"])
    return told


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
    if ended["state"] not in GOOD:
        cause = _ENDINGS[ended["state"]].format(why=ended["why"])
        why = f"{cause} ({why})" if why else cause
    if why is None:
        return
    left = plan.documents - tally.ended
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
