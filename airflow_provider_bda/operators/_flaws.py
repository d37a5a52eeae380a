"""What of a job failed although the job ended: its items, out of its status or its result file.

One function per kind, used by its operator and its sensor alike. Reading is best effort where the status
already says that items failed; where only the file can say it, a file that cannot be read is no success.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.hooks._job_files import read_embedding, read_ingestion
from airflow_provider_bda.jobs.catalog import (
    ASYNC_INVOKE,
    EQUIPMENT_INGESTION,
    KNOWLEDGE_BASE_INGESTION,
    LIBRARY_INGESTION,
)
from airflow_provider_bda.jobs.kind import Outcome, dig
from airflow_provider_bda.results.failure import Failure, summary
from airflow_provider_bda.waiting.errors import CALL_ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bda.hooks.base import BdaBaseHook
    from airflow_provider_bda.jobs.event import JobEvent

log = logging.getLogger(__name__)

#: How many failures an XCom holds; the result file has them all.
MOST_FAILURES = 100
_UNREADABLE = (*CALL_ERRORS, ValueError)


@dataclass(frozen=True, slots=True)
class Flaws:
    """What failed within a job.

    :param failures: the items.
    :param message: the sentence for the error, None if there is nothing to add.
    """

    failures: tuple[Failure, ...] = ()
    message: str | None = None

    def to_list(self) -> list[dict[str, Any]]:
        """Answer the failures as plain JSON, as many as an XCom should hold."""
        return [failure.to_dict() for failure in self.failures[:MOST_FAILURES]]


def with_flaws(event: JobEvent, flaws: Flaws) -> JobEvent:
    """Answer the event with what was found: a success with failed items is partial."""
    if flaws.message is None:
        return event
    hidden = bool(flaws.failures) and event.outcome is Outcome.SUCCEEDED
    return replace(event, outcome=Outcome.PARTIAL if hidden else event.outcome, error_message=flaws.message)


def flaws_of(hook: BdaBaseHook, event: JobEvent) -> Flaws:
    """Answer what failed within an ended job; nothing for a kind without items.

    :raises OSError: only the result file could say it, and it cannot be read.
    """
    reader = _READERS.get(event.kind)
    return reader(hook, event) if reader is not None else Flaws()


def _library(hook: BdaBaseHook, event: JobEvent) -> Flaws:
    if event.outcome is not Outcome.PARTIAL:
        return Flaws()
    uri = dig(event.answer, ("job", "outputConfiguration", "s3Uri"))
    try:
        result = read_ingestion(hook, event.handle["jobArn"], str(uri))
    except _UNREADABLE as error:
        log.warning("its result below %s could not be read: %s: %s", uri, type(error).__name__, error)
        return Flaws(message=event.error_message or f"which entities failed says the result file below {uri}")
    total = result.successful + len(result.failed)
    return Flaws(result.failed, f"{summary(result.failed, total)} ({result.uri})")


def _async_invoke(hook: BdaBaseHook, event: JobEvent) -> Flaws:
    if event.outcome not in {Outcome.SUCCEEDED, Outcome.PARTIAL}:
        return Flaws()
    uri = dig(event.answer, ("outputDataConfig", "s3OutputDataConfig", "s3Uri"))
    result = read_embedding(hook, event.handle["invocationArn"], str(uri))
    if not result.failed:
        return Flaws()
    return Flaws(result.failed, f"{summary(result.failed, result.total)} ({result.uri})")


def _knowledge_base(hook: BdaBaseHook, event: JobEvent) -> Flaws:  # noqa: ARG001 - one signature for all
    statistics = dig(event.answer, ("ingestionJob", "statistics")) or {}
    failed = statistics.get("numberOfDocumentsFailed")
    if not failed:
        return Flaws()
    reasons = dig(event.answer, ("ingestionJob", "failureReasons")) or []
    scanned = statistics.get("numberOfDocumentsScanned")
    said = "; ".join(str(reason) for reason in reasons)
    message = f"{failed} of {scanned} documents failed" + (f": {said}" if said else "")
    failures = tuple(Failure("documents", None, str(reason)) for reason in reasons)
    return Flaws(failures or (Failure("documents", None, f"{failed} failed"),), message)


def _equipment(hook: BdaBaseHook, event: JobEvent) -> Flaws:  # noqa: ARG001 - one signature for all
    discarded = dig(event.answer, ("IngestedFilesSummary", "DiscardedFiles")) or []
    failures = tuple(Failure(f"s3://{row.get('Bucket')}/{row.get('Key')}", "discarded") for row in discarded)
    total = dig(event.answer, ("IngestedFilesSummary", "TotalNumberOfFiles"))
    quality = dig(event.answer, ("DataQualitySummary",))
    parts = [
        event.error_message,
        summary(failures, total) if failures else None,
        f"data quality: {json.dumps(quality, sort_keys=True)}" if quality else None,
    ]
    return Flaws(failures, "; ".join(part for part in parts if part) or None)


_READERS: dict[str, Callable[[BdaBaseHook, JobEvent], Flaws]] = {
    LIBRARY_INGESTION.name: _library,
    ASYNC_INVOKE.name: _async_invoke,
    KNOWLEDGE_BASE_INGESTION.name: _knowledge_base,
    EQUIPMENT_INGESTION.name: _equipment,
}
