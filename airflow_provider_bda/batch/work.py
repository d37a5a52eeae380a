"""What is left to do in a segment, and what each document's request is. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch.ledger import OPEN_ENDS, DocumentState, End
from airflow_provider_bda.jobs.token import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_bda.batch.document import Document
    from airflow_provider_bda.batch.ledger import Segment
    from airflow_provider_bda.batch.plan import Run


#: The service's code for a job it knows nothing of.
GONE = "ResourceNotFoundException"
#: Error type of a document that was refused before it was submitted.
NOT_SUBMITTED = "NotSubmitted"


@dataclass(frozen=True, slots=True)
class Work:
    """One document to be done.

    :param generation: which job of the document's this is.
    :param arn: the job, where one is known: it is waited for, nothing is submitted.
    :param run: the run whose request it goes with.
    :param fresh: whether nothing was ever begun for this document.
    """

    place: int
    generation: int
    arn: str | None
    submitted_at: float | None
    run: int
    fresh: bool


def left_to_do(documents: list[Document], segment: Segment, run: Run) -> list[Work]:
    """Answer what a run has to do in a segment, in the order in which it should.

    First the jobs that are known, then what goes again, then those that may have been submitted (the sooner, the surer
    the service still knows their tokens), then the rest.
    """
    known: list[Work] = []
    rest: list[Work] = []
    intended = segment.intended()
    unsure: list[Work] = []
    for place, document in enumerate(documents):
        skip = segment.skip(place)
        if document.rejection is not None or (skip is not None and skip[0] == run.number):
            continue
        if place in intended:
            unsure.append(Work(place, 0, None, None, intended[place], fresh=False))
            continue
        work = next_of(place, segment.state(place), run)
        if work is None:
            continue
        (known if work.arn else rest).append(work)
    # What was begun comes before what was not: a portion that is full is over for the latter only.
    begun = [work for work in rest if not work.fresh]
    return [*known, *begun, *unsure, *(work for work in rest if work.fresh)]


def next_of(place: int, state: DocumentState, run: Run) -> Work | None:
    """Answer what a document needs in this run; None if it is done."""
    last = state.last
    if last is None:
        return Work(place, 0, None, None, run.number, fresh=True)
    if last.end is None:
        return _same(place, state, last.run)
    again = run.redoes(last.end)
    if again and last.end["o"] in OPEN_ENDS:
        return _same(place, state, last.run)
    if again or may_retry(state, run) or _is_lost_for_good(state, run):
        return Work(place, state.generation + 1, None, None, run.number, fresh=False)
    return None


def _same(place: int, state: DocumentState, run: int) -> Work:
    last = state.last
    arn = last.arn if last is not None else None
    submitted = last.jobs.get(arn) if last is not None and arn is not None else None
    return Work(place, state.generation, arn, submitted, run, fresh=False)


def may_retry(state: DocumentState, run: Run) -> bool:
    """Tell whether a document the service broke on goes again in the same run, which is not announced."""
    if state.outcome is not End.BROKEN:
        return False
    broken = [
        attempt
        for attempt in state.attempts.values()
        if attempt.end is not None and attempt.end["o"] == End.BROKEN and attempt.end["r"] == run.number
    ]
    return bool(broken) and len(broken) <= run.max_retries_per_document


def _is_lost_for_good(state: DocumentState, run: Run) -> bool:
    """Tell whether a clear asked for a lost job again in vain: nothing but another job can help."""
    last = state.last
    if last is None or last.end is None or state.outcome is not End.LOST:
        return False
    if last.end.get("type") != GONE:
        return False
    return bool(last.end["r"] == run.number == run.began and last.run < run.number)


def request_for(run: Run, document: Document) -> dict[str, Any]:
    """Build a document's request of InvokeDataAutomationAsync, without its token."""
    request = dict(run.request)
    own = document.overrides
    location: dict[str, Any] = {"s3Uri": document.input_s3_uri}
    if segment := own.get("video_segment"):
        start, end = segment
        times = {"startTimeMillis": int(start), "endTimeMillis": int(end)}
        location["assetProcessingConfiguration"] = {
            "video": {"segmentConfiguration": {"timestampSegment": times}}
        }
    if own.get("project") or own.get("project_stage"):
        configuration = dict(request.get("dataAutomationConfiguration") or {})
        if project := own.get("project"):
            configuration = {"dataAutomationProjectArn": project}
        if stage := own.get("project_stage"):
            configuration["stage"] = stage
        request["dataAutomationConfiguration"] = configuration
    if blueprints := own.get("blueprints"):
        request["blueprints"] = [
            {"blueprintArn": item} if isinstance(item, str) else dict(item) for item in blueprints
        ]
    if tags := own.get("tags"):
        merged = {pair["key"]: pair["value"] for pair in request.get("tags") or ()} | dict(tags)
        request["tags"] = [{"key": key, "value": value} for key, value in sorted(merged.items())]
    return {
        "inputConfiguration": location,
        "outputConfiguration": {"s3Uri": run.output_s3_uri},
        **request,
    }


def token_of(batch_id: str, document_id: str, generation: int, request: Mapping[str, Any]) -> str:
    """Answer the client token of a document's job: the same for every engine and try."""
    identity = [batch_id, document_id, generation, fingerprint(request)]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def rows_of(documents: list[Document], segment: Segment) -> Iterator[dict[str, Any]]:
    """Yield the rows of the results of a segment's documents."""
    for place, document in enumerate(documents):
        yield row_of(document, segment.state(place), segment.skip(place))


_STATUS = {End.SUCCEEDED: "succeeded", End.REJECTED: "rejected"}


def row_of(document: Document, state: DocumentState, skip: tuple[int, str] | None = None) -> dict[str, Any]:
    """Answer a document's row; ``status`` is None for one that has not ended.

    :param skip: the last run that left it to another batch, and why.
    """
    last = state.last
    end: Mapping[str, Any] = (last.end if last is not None else None) or {}
    outcome = state.outcome
    row: dict[str, Any] = {
        "document_id": document.document_id,
        "input_s3_uri": document.input_s3_uri,
        "etag": document.etag,
        "status": _STATUS.get(outcome, "failed") if outcome is not None else None,
        "invocation_arn": last.arn if last is not None else None,
        "output_s3_uri": end.get("out"),
        "error_type": end.get("type"),
        "error_message": end.get("words"),
        "extra": dict(document.extra),
        "generation": state.generation,
        "jobs": state.bought,
        "run": last.run if last is not None else None,
        "submitted_at": end.get("sub"),
        "completed_at": end.get("at"),
        "seconds": end.get("sec"),
        "modality": document.modality,
        "size": document.size,
        "custom_output_status": list(end.get("cos") or ()),
    }
    if skip is not None and outcome is not End.SUCCEEDED and skip[0] >= (end.get("r") or 0):
        row |= {"status": "skipped", "error_type": "Skipped", "error_message": skip[1]}
    if document.rejection is not None:
        row |= {"status": "rejected", "error_type": NOT_SUBMITTED, "error_message": document.rejection}
    return row
