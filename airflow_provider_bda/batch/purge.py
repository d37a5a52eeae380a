"""Deletes what the jobs of a batch wrote, row by row, never by a prefix that is guessed.

The rows stay, and so does the index of processed documents: a purged document is not bought again.
"""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.batch._files import (
    THREADS,
    copy_of,
    objects_under,
    read_json,
    s3_of,
    storage,
    write_json,
)
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.results import part_uris, rows_in
from airflow_provider_bda.batch.rows import Row
from airflow_provider_bda.exceptions import BdaError, BdaInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bda.hooks.base import BdaBaseHook

#: Objects that S3 deletes in one call.
_AT_ONCE = 1_000
#: Rows whose output is left alone that are named one by one.
_NAMED = 5
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Purged:
    """What was deleted, or would be.

    :param dry_run: whether nothing was deleted.
    :param jobs: jobs of which something was there.
    :param objects: objects.
    :param bytes: their sizes together; where the bucket keeps versions, they are billed until its lifecycle ends them.
    :param refused: rows whose ``output_s3_uri`` does not fit their job or the batch, so that it was left alone.
    :param refused_documents: the first of them.
    """

    dry_run: bool
    jobs: int = 0
    objects: int = 0
    bytes: int = 0
    refused: int = 0
    refused_documents: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON."""
        return asdict(self)

    def refuse(self, row: Row) -> None:
        """Count a row whose output is left alone."""
        self.refused += 1
        if len(self.refused_documents) < _NAMED:
            self.refused_documents.append(row.document_id)
            _log.warning("left alone: the output of document %s is not its job's own folder", row.document_id)


def purged_uri(layout: BatchLayout) -> str:
    """Answer where it stands what has been purged of a batch."""
    return f"{layout.batch_s3_uri}/purged.json"


def purge_batch(
    hook: BdaBaseHook, batch_s3_uri: str, *, dry_run: bool = True, unfinished: bool = False
) -> Purged:
    """Delete what the jobs of a batch wrote, and write down in ``purged.json`` how much that was.

    What a row names is deleted only if it is the folder of the row's own job below the batch's own output prefix.
    The output of documents that were skipped belongs to earlier batches and stays, as do the batch's own files.

    :param hook: a hook whose connection may list and delete there.
    :param batch_s3_uri: the batch.
    :param dry_run: whether only to count.
    :param unfinished: whether to purge also a batch without a summary: one that runs, or was given up.
    :raises BdaInputError: there is no such batch, or it has not ended.
    :raises BdaError: S3 refuses something; a retry goes on with the rest.
    """
    s3 = s3_of(hook)
    layout = BatchLayout(batch_s3_uri.rstrip("/"))
    parts = part_uris(s3, layout.batch_s3_uri)
    if not dry_run and not unfinished and read_json(s3, layout.summary) is None:
        raise BdaInputError(
            f"batch_s3_uri: {layout.batch_s3_uri} has no summary.json, so it may still run; wait for its end, or pass "
            "unfinished=True if it was given up"
        )
    purged = Purged(dry_run)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="purge") as pool:
        for uri in parts:
            before = (purged.jobs, purged.objects, purged.bytes)
            try:
                _purge_part(s3, layout, uri, purged, pool)
            finally:
                if not dry_run and before != (purged.jobs, purged.objects, purged.bytes):
                    _note(s3, layout, purged, before)
    return purged


def output_folder(row: Row, layout: BatchLayout) -> str | None:
    """Answer the prefix below which a row's own job wrote, with its slash; None if the row does not prove it.

    :raises LookupError: the row names no output of this batch, so there is nothing to delete.
    """
    if row.status == "skipped" or not row.output_s3_uri:
        raise LookupError(row.document_id)
    _, is_job, job_id = (row.invocation_arn or "").rpartition(":data-automation-invocation/")
    folder, _, name = row.output_s3_uri.rpartition("/")
    root = layout.batch_s3_uri.removesuffix(f"/_batches/{layout.batch_id}")
    proven = (
        is_job
        and job_id
        and "/" not in job_id
        and name == "job_metadata.json"
        and folder.endswith(f"/{job_id}")
        and folder.startswith(f"{root}/")
        and not folder.startswith(f"{root}/_batches/")
    )
    return f"{folder}/" if proven else None


def _purge_part(s3: Any, layout: BatchLayout, uri: str, purged: Purged, pool: ThreadPoolExecutor) -> None:
    with copy_of(s3, uri) as (copy, _):
        rows = (Row.from_json(value) for value in rows_in(copy, uri))
        under_way: deque[Any] = deque()
        try:
            for folder in _folders(rows, layout, purged):
                under_way.append(pool.submit(_purge_folder, s3, folder, dry_run=purged.dry_run))
                if len(under_way) >= 4 * THREADS:
                    _add(purged, *under_way.popleft().result())
        finally:
            # Also after an error: what was deleted is counted.
            errors = [future.exception() for future in under_way]
            for future, error in zip(under_way, errors, strict=True):
                if error is None:
                    _add(purged, *future.result())
        if error := next(filter(None, errors), None):
            raise error


def _folders(rows: Iterator[Row], layout: BatchLayout, purged: Purged) -> Iterator[str]:
    for row in rows:
        try:
            folder = output_folder(row, layout)
        except LookupError:
            continue
        if folder is None:
            purged.refuse(row)
        else:
            yield folder


def _purge_folder(s3: Any, folder: str, *, dry_run: bool) -> tuple[int, int]:
    """Delete what lies below a folder; answer objects and bytes."""
    found = list(objects_under(s3, folder))
    if not dry_run:
        for first in range(0, len(found), _AT_ONCE):
            _delete(s3, [uri for uri, _ in found[first : first + _AT_ONCE]])
    return len(found), sum(size for _, size in found)


def _delete(s3: Any, uris: list[str]) -> None:
    bucket, _ = split_s3_uri(uris[0])
    objects = [{"Key": split_s3_uri(uri)[1]} for uri in uris]
    with storage("delete", uris[0]):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    if errors := answer.get("Errors"):
        said = errors[0]
        raise BdaError(
            f"{len(errors)} of {len(uris)} objects could not be deleted, the first s3://{bucket}/{said.get('Key')}: "
            f"{said.get('Code')}: {said.get('Message')}. A retry goes on with the rest",
            error_type=said.get("Code"),
            error_message=said.get("Message"),
        )


def _add(purged: Purged, objects: int, size: int) -> None:
    purged.jobs += objects > 0
    purged.objects += objects
    purged.bytes += size


def _note(s3: Any, layout: BatchLayout, purged: Purged, before: tuple[int, int, int]) -> None:
    """Add what was deleted of a part to what stands in ``purged.json``."""
    known = read_json(s3, purged_uri(layout)) or {}
    now = (purged.jobs, purged.objects, purged.bytes)
    totals = {
        name: known.get(name, 0) + after - earlier
        for name, after, earlier in zip(("jobs", "objects", "bytes"), now, before, strict=True)
    }
    at = datetime.now(tz=UTC).isoformat(timespec="seconds")
    write_json(s3, purged_uri(layout), {"purged_at": at, **totals})
