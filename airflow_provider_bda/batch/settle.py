"""What an engine left open when it ended: rows that were not written, and documents that may have a job.

Runs on the worker, after the engine; another engine may still be at work unheard (two triggerers). So a run is first
declared over in each segment, and only then is its ledger read: an engine announces documents first and looks for that
word next, so either its announcement is seen here, or it sees the word and submits nothing.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bda.batch import segments as files
from airflow_provider_bda.batch.ledger import OPEN_ENDS, lines
from airflow_provider_bda.batch.plan import Plan
from airflow_provider_bda.batch.work import may_retry

if TYPE_CHECKING:
    from airflow_provider_bda.batch.layout import BatchLayout
    from airflow_provider_bda.batch.plan import Run
    from airflow_provider_bda.batch.segments import Store


@dataclass(frozen=True, slots=True)
class Open:
    """The documents of a segment of which a job may be open, by their places.

    :param jobs: a job is known, and its end is not.
    :param unsure: they may have been submitted, for the first time or again.
    """

    jobs: frozenset[int]
    unsure: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        """Both."""
        return self.jobs | self.unsure


async def settle(store: Store, layout: BatchLayout, run: Run, *, is_over: bool) -> dict[int, Open]:
    """Write the rows that an engine left unwritten; answer, by segment, the documents of which a job may be open.

    :param run: the latest one that an engine has worked on.
    :param is_over: whether the run is to be declared over.
    :raises StoreError: S3 refused or did not come back; a retry does the same again.
    """
    plan = Plan.from_json(json.loads(await store.get(layout.plan)))
    marks = await files.read_marks(store, layout, run)
    found: dict[int, Open] = {}
    for number in range(plan.segments):
        mark = marks.get(number)
        if mark is not None and not OPEN_ENDS.intersection(mark.ends):
            continue
        if mark is None and is_over:
            name = f"{int(time.time() * 1000):013d}-{uuid.uuid4().hex}-000000.jsonl"
            await store.put(layout.ledger(number) + name, lines([{"k": "over", "r": run.number}]))
        segment = await files.read_segment(store, layout, number, plan.draft)
        if mark is None and segment.states.begun():
            await files.close_segment(store, layout, segment, run)
        jobs = segment.states.open()
        unsure = segment.states.announced()
        unsure.update(place for place, state in segment.states.known() if may_retry(state, run))
        if jobs or unsure:
            found[number] = Open(frozenset(jobs), frozenset(unsure))
    return found
