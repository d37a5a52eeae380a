"""What the worker decided and the engine does: the batch's plan, and the orders of each run.

Pure, plain JSON on S3. A run is one execution of the task on a worker: the first, a retry, or one after a clear.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_bda.batch.ledger import OPEN_ENDS, End

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Read by later releases; a plan of a newer format is refused, never guessed at.
FORMAT = 1
RETRY = frozenset({End.BROKEN, *OPEN_ENDS})


class _Json:
    """Plain JSON both ways; members of another release are passed over."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """Answer it as plain JSON."""
        return asdict(self)  # type: ignore[call-overload,no-any-return]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote."""
        known = {member.name for member in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: item for name, item in value.items() if name in known})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(_Json):
    """When a batch stops, and when it has failed.

    :param tolerated_failures: documents that may fail.
    :param tolerated_failure_percentage: of all documents, beside or instead of the number.
    :param tolerated_rejections: documents that may be rejected; None counts them as failures.
    :param canary: so many documents go alone first.
    :param max_consecutive_rejections: so many documents rejected in a row stop the batch; None never.
    :param fail_fast: whether to stop as soon as the batch has failed.
    """

    tolerated_failures: int = 0
    tolerated_failure_percentage: float | None = None
    tolerated_rejections: int | None = None
    canary: int = 0
    max_consecutive_rejections: int | None = None
    fail_fast: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(_Json):
    """What does not change between the runs of a batch.

    :param documents: how many the manifest has.
    :param segments: in how many files.
    :param rejected: how many of them were refused before submit.
    :param skipped: how many the source had that other batches have processed; they are not in the manifest.
    :param estimate: what it was estimated to take, as :class:`~airflow_provider_bda.batch.estimate.Estimate` tells it.
    :param identity: which task instance it belongs to: Dag, run, task, map index.
    :param draft: whose manifest it is: every worker that begins writes one of its own.
    """

    batch_id: str
    documents: int
    segments: int
    draft: str = ""
    rejected: int = 0
    skipped: int = 0
    source: str = ""
    created_at: float = 0.0
    estimate: dict[str, Any] = field(default_factory=dict)
    identity: dict[str, Any] = field(default_factory=dict)
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(_Json):
    """The orders of one run.

    :param number: 0, 1, ...
    :param began: the number of the run a clear began; a retry keeps it.
    :param max_tries: of the task instance: another one than the last run's means a clear.
    :param again: outcomes of earlier runs that are to be done again.
    :param redo: outcomes of before the clear that are: what a clear ordered, its retries go on with.
    :param request: members of InvokeDataAutomationAsync that all documents share, names resolved.
    :param output_s3_uri: the prefix the service writes under.
    :param max_open_jobs: jobs that may be open at once, by modality.
    :param submit_rate: submits a second never passed; None as fast as the service takes them.
    :param max_documents: documents this run and the others since the clear may begin; None all.
    :param submit_until: epoch seconds after which nothing more is submitted, and that is success.
    :param deadline: epoch seconds at which the run is given up.
    :param document_timeout: seconds one job may take; None as long as the batch.
    :param cost_per_document: estimated, in US dollars.
    :param on_project_change: "warn", "fail" or "ignore".
    :param project_state: of project and blueprints as the run begins; empty if it is not known.
    :param policy: as :class:`Policy` tells it.
    :param output_tags: S3 object tags of the batch's files.
    """

    number: int
    began: int
    max_tries: int
    try_number: int
    started_at: float
    deadline: float
    request: dict[str, Any]
    output_s3_uri: str
    again: list[str] = field(default_factory=list)
    redo: list[str] = field(default_factory=list)
    max_open_jobs: dict[str, int] = field(default_factory=dict)
    submit_rate: float | None = None
    max_retries_per_document: int = 2
    max_documents: int | None = None
    submit_until: float | None = None
    document_timeout: float | None = None
    cost_per_document: float | None = None
    on_project_change: str = "warn"
    project_state: dict[str, Any] = field(default_factory=dict)
    policy: dict[str, Any] = field(default_factory=dict)
    output_tags: dict[str, str] = field(default_factory=dict)

    def redoes(self, end: Mapping[str, Any]) -> bool:
        """Tell whether what ended so in an earlier run is to be done again in this one."""
        return self.redoes_outcome(end["o"], end["r"])

    def redoes_outcome(self, outcome: str, run: int) -> bool:
        """Tell whether an outcome of an earlier run is to be done again in this one."""
        return (run < self.number and outcome in self.again) or (run < self.began and outcome in self.redo)


def expected_cost(estimate: Mapping[str, Any]) -> float | None:
    """Answer the estimated cost of a document in US dollars; None where it is not known."""
    cost, documents = (estimate.get("cost_usd") or {}).get("expected"), estimate.get("documents")
    return cost / documents if cost is not None and documents else None


def orders_for(last: Run | None, *, max_tries: int, redrive: str) -> dict[str, Any]:
    """Answer number, beginning and what is done again for the next run.

    :param last: the run before, if any.
    :param redrive: "failed", "all" or "none": what a clear does again.
    """
    if last is None:
        return {"number": 0, "began": 0, "again": [], "redo": []}
    number = last.number + 1
    if last.max_tries == max_tries:  # a retry: what can still become a success at no fault of the document's
        return {"number": number, "began": last.began, "again": sorted(RETRY), "redo": last.redo}
    again = {"failed": set(End) - {End.SUCCEEDED}, "all": set(End), "none": set()}[redrive]
    return {"number": number, "began": number, "again": [], "redo": sorted(again)}
