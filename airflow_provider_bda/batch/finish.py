"""The end of a batch: its parts become ``results.jsonl``, ``failures.jsonl`` and ``summary.json``.

Runs on the worker. Each row passes through once to be counted and once to be written, so memory does not depend on
their number; every file is written whole or not at all, so a repeat changes nothing.
"""

from __future__ import annotations

import logging
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch._files import THREADS, Upload, copy_of, s3_of, swap, write_json
from airflow_provider_bda.batch.bodies import read_body
from airflow_provider_bda.batch.extraction import Extraction
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.results import part_uris, rows_in
from airflow_provider_bda.batch.rows import UNDONE, Row, line_of
from airflow_provider_bda.batch.summary import Figures
from airflow_provider_bda.exceptions import BdaError
from airflow_provider_bda.results import ResultsError
from airflow_provider_bda.review.desk import ReviewDesk
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from concurrent.futures import Future

    from airflow_provider_bda.batch.bodies import Body
    from airflow_provider_bda.hooks.base import BdaBaseHook
    from airflow_provider_bda.results import ResultsView
    from airflow_provider_bda.review import ReviewPolicy

#: Documents that succeeded of which every body is read; of more, an evenly spaced sample is.
READ_ALL = 20_000
SAMPLE = 2_000
#: Bodies that may fail one after another, with none read before, until the rest is left alone.
_HOPELESS = 100
#: What a row says that names no blueprint because its output was not read.
NOT_IN_SAMPLE = f"not read: of more than {READ_ALL:,} successes a sample of {SAMPLE:,} is"
NO_OUTPUT = "not read: the service named no output"
HOPELESS = f"not read: the first {_HOPELESS} outputs could not be"
#: Rows under way at once.
_WINDOW = 4 * THREADS
_log = logging.getLogger(__name__)


def finish_batch(
    hook: BdaBaseHook,
    batch_s3_uri: str,
    *,
    cost_per_job_usd: float | None = None,
    view: ResultsView = "auto",
    review: ReviewPolicy | None = None,
    put: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write what a batch came to; answers the content of ``summary.json``.

    The rows whose bodies were read also say which blueprint and version made them, the others of successes why not.
    A body that cannot be read is counted and stops nothing.

    :param hook: a hook whose connection may read and write the batch, and read what its jobs wrote.
    :param batch_s3_uri: the batch.
    :param cost_per_job_usd: estimated; the summary has it for all jobs bought.
    :param view: "auto" reads the redacted twin of each output where there is one.
    :param review: which documents a person should look at; with it every body is read, however many there are, and
        ``needs_review.jsonl`` is written.
    :param put: arguments for every object written, e.g. ``{"Tagging": "team=a"}``.
    :raises BdaInputError: there is no such batch.
    :raises BdaError: S3 refuses to list, read or write the batch's own files, or an engine still writes them; a retry
        does the same again.
    """
    s3 = s3_of(hook)
    layout = BatchLayout(batch_s3_uri.rstrip("/"))
    parts = part_uris(s3, layout.batch_s3_uri)
    figures = _count(s3, parts)
    reader = _Reader(s3, figures.statuses["succeeded"], view, review)
    _write(s3, layout, parts, reader, dict(put or {}))
    summary = {
        "batch_id": layout.batch_id,
        "batch_s3_uri": layout.batch_s3_uri,
        "finished_at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "result_parts": len(parts),
        **figures.to_json(),
        "estimated_cost_usd": None if cost_per_job_usd is None else round(cost_per_job_usd * figures.jobs, 2),
        **reader.to_json(),
    }
    write_json(s3, layout.summary, summary, **dict(put or {}))
    return summary


def _count(s3: Any, parts: Iterable[str]) -> Figures:
    figures = Figures()
    for uri in parts:
        with copy_of(s3, uri) as (copy, _):
            for value in rows_in(copy, uri):
                figures.add(Row.from_json(value))
    return figures


def _write(s3: Any, layout: BatchLayout, parts: Iterable[str], reader: _Reader, put: dict[str, Any]) -> None:
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(THREADS, thread_name_prefix="bodies"))
        results = stack.enter_context(Upload(s3, layout.results, **put))
        failures = stack.enter_context(Upload(s3, layout.failures, **put))
        if reader.desk is not None:
            reader.desk.write = stack.enter_context(Upload(s3, layout.needs_review, **put)).write
        for uri in parts:
            with copy_of(s3, uri) as (copy, etag), tempfile.TemporaryFile() as told:
                changed = False
                for value, new in reader.read(pool, rows_in(copy, uri)):
                    changed = changed or new
                    line = line_of(value)
                    results.write(line)
                    if value["status"] in UNDONE:
                        failures.write(line)
                    told.write(line)
                if changed:
                    told.seek(0)
                    _put_back(s3, uri, told.read(), etag, put)
            _log.info("written: the rows of %s", uri)


def _put_back(s3: Any, uri: str, part: bytes, etag: str, put: Mapping[str, Any]) -> None:
    if not swap(s3, uri, part, etag, **put):
        raise BdaError(
            f"{uri} was written anew while it was read: an engine still works on the batch. A retry reads it again"
        )


class _Reader:
    """Reads the bodies of all or some of the jobs, several at once, and counts what they say.

    :param succeeded: how many documents succeeded.
    """

    def __init__(
        self, s3: Any, succeeded: int, view: ResultsView, review: ReviewPolicy | None = None
    ) -> None:
        self._s3 = s3
        self._succeeded = succeeded
        self._view = view
        self._sampled = succeeded > READ_ALL and review is None
        self.desk = None if review is None else ReviewDesk(review)
        self._met = 0
        self._read = 0
        self._unread = 0
        self._why: str | None = None
        self._pages = 0
        self._paged = 0
        self._extraction = Extraction()

    def read(
        self, pool: ThreadPoolExecutor, rows: Iterable[dict[str, Any]]
    ) -> Iterator[tuple[dict[str, Any], bool]]:
        """Answer the rows in their order, and whether each says more now."""
        under_way: deque[tuple[dict[str, Any], Future[Body] | str]] = deque()
        for value in rows:
            why_not = self._why_not(value)
            future = (
                pool.submit(read_body, self._s3, value["output_s3_uri"], self._view)
                if why_not is None
                else why_not
            )
            under_way.append((value, future))
            if len(under_way) >= _WINDOW:
                yield self._told(*under_way.popleft())
        while under_way:
            yield self._told(*under_way.popleft())

    def to_json(self) -> dict[str, Any]:
        """Answer what was read, as plain JSON."""
        return {
            # Of the bodies read: with "sampled", multiply by succeeded / read.
            "pages": {"count": self._pages, "documents": self._paged},
            "bodies": {
                "succeeded": self._succeeded,
                "read": self._read,
                "unreadable": self._unread,
                "unreadable_why": self._why,
                "sampled": self._sampled,
                "view": self._view,
            },
            "blueprints": self._extraction.to_json(),
            "needs_review": None if self.desk is None else self.desk.to_json(),
        }

    def _why_not(self, value: dict[str, Any]) -> str | None:
        """Say why a row's body is not read, in no words where there is none to read; None where it is."""
        if value["status"] != "succeeded":
            return ""
        at, self._met = self._met, self._met + 1
        if not value.get("output_s3_uri"):
            return NO_OUTPUT
        if self._read == 0 and self._unread >= _HOPELESS:
            return HOPELESS
        # Evenly spaced: where the sample's number goes up by one.
        if self._sampled and at * SAMPLE // self._succeeded == (at - 1) * SAMPLE // self._succeeded:
            return NOT_IN_SAMPLE
        return None

    def _told(self, value: dict[str, Any], future: Future[Body] | str) -> tuple[dict[str, Any], bool]:
        if isinstance(future, str):
            if self.desk is not None and future:
                self.desk.unreadable(value)
            return _unknown(value, future) if future else (value, False)
        try:
            body = future.result()
            for status, output in body.segments:
                self._extraction.add(status, output)
        except ResultsError:
            return self._failed(value, "it is not what Bedrock Data Automation writes, or is gone")
        except CALL_ERRORS as error:
            return self._failed(value, call_error(error).code)
        self._read += 1
        if self.desk is not None:
            self.desk.look(value, body.segments)
        if body.pages is not None:
            self._pages += body.pages
            self._paged += 1
        told = {**value, **body.to_row(), "blueprint_unknown": None}
        return told, told != value

    def _failed(self, value: dict[str, Any], why: str) -> tuple[dict[str, Any], bool]:
        self._unread += 1
        if self.desk is not None:
            self.desk.unreadable(value)
        if self._why is None:
            self._why = why
            _log.warning("the output of %s could not be read: %s", value.get("invocation_arn"), why)
        return _unknown(value, f"unreadable: {why}")


def _unknown(value: dict[str, Any], why: str) -> tuple[dict[str, Any], bool]:
    """Answer a row that says why it names no blueprint, and whether that is new; what it said before stays."""
    if value.get("blueprint_arn") or value.get("blueprint_unknown") == why:
        return value, False
    return {**value, "blueprint_unknown": why}, True
