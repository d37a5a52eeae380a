"""The routes that answer JSON. Each authenticates and is bound to the Dag in its path; a client names no S3 key."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.results import ResultsError
from airflow_provider_bda.ui import airflow_data as data
from airflow_provider_bda.ui import monitor
from airflow_provider_bda.ui.access import GetUserDep, readable, reads_documents, reads_tasks
from airflow_provider_bda.ui.batches import Batch
from airflow_provider_bda.ui.documents import Document, Hidden, Nothing, mode, pretty
from airflow_provider_bda.ui.reading import ReadError, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

router = APIRouter(prefix="/api")
#: Groups an overview holds; a shorter time shows the rest.
MAX_GROUPS = 1_000
PAGE = 50

Text = Annotated[str, Query(max_length=300)]
#: Airflow leaves "{MAP_INDEX}" in the address for a task that is not mapped, so it is read as text.
MapIndex = Annotated[str, Query(max_length=20)]
Page = Annotated[int, Query(ge=1, le=100_000)]

_THREADS: RunVar[CapacityLimiter] = RunVar("_THREADS")


async def _answer(request: Request, work: Callable[[], Any]) -> Response:
    """Do the work in a thread and answer it as JSON, or 304 if the browser has it.

    The threads are few and our own: an S3 that does not answer never takes those of Airflow's API.
    """
    value = await _in_thread(work)
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str).encode()
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


async def _in_thread(work: Callable[[], Any]) -> Any:
    limiter = _THREADS.get(None)
    if limiter is None:
        limiter = CapacityLimiter(8)
        _THREADS.set(limiter)
    try:
        return await anyio.to_thread.run_sync(work, limiter=limiter)
    except Hidden as error:
        raise HTTPException(403, str(error)) from error
    except Nothing as error:
        raise HTTPException(404, str(error)) from error
    except FileNotFoundError as error:
        raise HTTPException(404, "there is no such object on S3") from error
    except (ReadError, ResultsError) as error:
        raise HTTPException(502, str(error)) from error


# --- overview -----------------------------------------------------------------------------------------


@router.get("/overview")
async def overview(
    request: Request,
    user: GetUserDep,
    hours: Annotated[float, Query(gt=0, le=24 * 366)] = 24.0,
    dag_id: Text = "",
    run_id: Text = "",
    state: Text = "",
    q: Text = "",
    page: Page = 1,
) -> Response:
    """Batches and single jobs of the Dags the user may see, newest first, with totals."""

    def work() -> dict[str, Any]:
        # A run's own page shows it however old it is.
        since = None if _real(run_id) else datetime.now(UTC) - timedelta(hours=hours)
        with data.session_scope() as session:
            groups = data.find_groups(session, since=since, dag_id=_real(dag_id), run_id=_real(run_id))
            allowed = readable(user, {group.dag_id for group in groups})
            groups = [group for group in groups if group.dag_id in allowed]
            more = len(groups) > MAX_GROUPS
            groups = groups[:MAX_GROUPS]
            data.fill_groups(session, groups)
        rows = [
            row
            for row in monitor.group_rows(groups)
            if (not state or row["state"] == state) and _matches(row, q)
        ]
        start = (page - 1) * PAGE
        return {
            "rows": rows[start : start + PAGE],
            "total": len(rows),
            "page": page,
            "size": PAGE,
            "more": more,
            "totals": monitor.totals(rows),
            "dags": sorted({group.dag_id for group in groups}),
        }

    return await _answer(request, work)


def _matches(row: dict[str, Any], text: str) -> bool:
    needle = text.casefold()
    return not needle or any(needle in row[name].casefold() for name in ("dag_id", "run_id", "task_id"))


# --- a task -------------------------------------------------------------------------------------------


@router.get("/dags/{dag_id}/task", dependencies=reads_tasks)
async def task(
    request: Request, dag_id: str, run_id: Text, task_id: Text, map_index: MapIndex = ""
) -> Response:
    """One task of a run: how far it is, why documents failed, how long they took."""

    def work() -> dict[str, Any]:
        place = _Place(dag_id, run_id, task_id, _index(map_index))
        instances = place.instances()
        row = place.row()
        if row is None:
            return {"kind": None, "instances": len(instances), "states": [one.state for one in instances[:1]]}
        progress: dict[str, Any] = {}
        more, problem = False, row["problem"]
        batch = place.batch(instances)
        if batch is None:
            entries = place.jobs(instances)
            history = monitor.jobs_history(instances)
        else:
            entries = []
            try:
                progress = batch.progress(over=row["ended_at"] is not None)
                entries, more = monitor.batch_entries(batch)
            except ReadError as error:
                problem = str(error)
            history = monitor.batch_history(progress)
        seconds = [entry.seconds for entry in entries if entry.seconds is not None]
        return {
            **row,
            "problem": problem,
            "instances": len(instances),
            "documents": len(entries),
            "more": more,
            "failures": monitor.reasons(entries, progress),
            "history": history,
            "durations": monitor.histogram(seconds),
            "batch_id": batch.layout.batch_id if batch else None,
            "links": _links(batch.layout.batch_s3_uri, batch.region_name) if batch else {},
        }

    return await _answer(request, work)


@router.get("/dags/{dag_id}/documents", dependencies=reads_tasks)
async def documents(
    request: Request,
    dag_id: str,
    run_id: Text,
    task_id: Text,
    map_index: MapIndex = "",
    q: Text = "",
    status: Text = "",
    sort: Text = "",
    page: Page = 1,
) -> Response:
    """The table of a task's documents: searched, filtered, sorted and cut here."""

    def work() -> dict[str, Any]:
        place = _Place(dag_id, run_id, task_id, _index(map_index))
        instances = place.instances()
        batch = place.batch(instances)
        entries = place.jobs(instances) if batch is None else monitor.batch_entries(batch)[0]
        cut = monitor.select_entries(entries, text=q, status=status, sort=sort, page=page, size=PAGE)
        return {**cut, "size": PAGE}

    return await _answer(request, work)


@router.get("/dags/{dag_id}/download", dependencies=reads_documents)
async def download(
    dag_id: str, run_id: Text, task_id: Text, map_index: MapIndex = "", what: Text = "results"
) -> Response:
    """The rows of a task's documents as JSON lines: all, or the failures."""

    def begin() -> Iterator[bytes]:
        place = _Place(dag_id, run_id, task_id, _index(map_index))
        instances = place.instances()
        batch = place.batch(instances)
        if batch is not None:
            lines = batch.lines(failures=what == "failures")
            return lines if mode() != "off" else map(_without_columns, lines)
        entries = (
            entry
            for entry in place.jobs(instances)
            if what != "failures" or entry.status not in {"succeeded", "skipped"}
        )
        return (json.dumps(entry.to_dict(), ensure_ascii=False).encode() + b"\n" for entry in entries)

    name = "failures" if what == "failures" else "results"
    return StreamingResponse(
        await _in_thread(begin),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}.jsonl"'},
    )


# --- a document ---------------------------------------------------------------------------------------


@router.get("/dags/{dag_id}/document", dependencies=reads_documents)
async def document(
    request: Request,
    dag_id: str,
    run_id: Text,
    task_id: Text,
    map_index: MapIndex = "",
    document_id: Text = "",
) -> Response:
    """What became of one document, and its segments if its job has ended well."""

    def work() -> dict[str, Any]:
        place = _Place(dag_id, run_id, task_id, _index(map_index))
        facts, found = place.document(document_id)
        shown: dict[str, Any] = {"segments": [], "why": None}
        try:
            if found is None:
                shown["why"] = facts.pop("why")
            else:
                facts.pop("why", None)
                shown = {**Document(*found).overview(), "why": None}
        except (Hidden, Nothing, ReadError) as error:
            shown["why"] = str(error)
        return {**facts, **shown, "mode": mode()}

    return await _answer(request, work)


@router.get("/dags/{dag_id}/segment", dependencies=reads_documents)
async def segment(
    request: Request,
    dag_id: str,
    run_id: Text,
    task_id: Text,
    map_index: MapIndex = "",
    document_id: Text = "",
    index: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> Response:
    """Everything of one segment: fields with their boxes, text, tables, transcript, and what is missing."""
    place = _Place(dag_id, run_id, task_id, _index(map_index))
    return await _answer(request, lambda: place.opened(document_id).segment(index))


@router.get("/dags/{dag_id}/picture", dependencies=reads_documents)
async def picture(
    dag_id: str,
    run_id: Text,
    task_id: Text,
    map_index: MapIndex = "",
    document_id: Text = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """The picture of a page."""
    place = _Place(dag_id, run_id, task_id, _index(map_index))
    body = await _in_thread(lambda: place.opened(document_id).picture(page))
    return Response(body, media_type="image/png", headers={"Cache-Control": "private, max-age=300"})


@router.get("/dags/{dag_id}/raw", dependencies=reads_documents)
async def raw(
    dag_id: str,
    run_id: Text,
    task_id: Text,
    map_index: MapIndex = "",
    document_id: Text = "",
    index: Annotated[int, Query(ge=0, le=100_000)] = 0,
    which: Annotated[str, Query(pattern="^(custom|standard|metadata)$")] = "custom",
) -> Response:
    """A file of the job as it stands on S3, indented. Never a type that a browser would run."""
    place = _Place(dag_id, run_id, task_id, _index(map_index))
    body = await _in_thread(lambda: b"".join(pretty(place.opened(document_id).raw(index, which))))
    return Response(body, media_type="text/plain; charset=utf-8")


class _Place:
    """A task of a run, or one of its mapped instances; every query is bound to the Dag that was authorized."""

    def __init__(self, dag_id: str, run_id: str, task_id: str, map_index: int | None) -> None:
        self.dag_id, self.run_id, self.task_id, self.map_index = dag_id, run_id, task_id, map_index

    def instances(self) -> list[data.Instance]:
        with data.session_scope() as session:
            found = data.find_instances(
                session, self.dag_id, self.run_id, self.task_id, map_index=self.map_index
            )
        if not found:
            raise Nothing("Airflow knows no such task of such a run")
        return found

    def row(self) -> dict[str, Any] | None:
        with data.session_scope() as session:
            groups = [
                group
                for group in data.find_groups(session, since=None, dag_id=self.dag_id, run_id=self.run_id)
                if group.task_id == self.task_id
                and (group.map_index is None or self.map_index in {None, group.map_index})
            ]
            data.fill_groups(session, groups[:1])
        return monitor.group_rows(groups[:1])[0] if groups else None

    def batch(self, instances: list[data.Instance]) -> Batch | None:
        told = [
            one.xcoms[data.BATCH_KEY] for one in instances if isinstance(one.xcoms.get(data.BATCH_KEY), dict)
        ]
        return Batch(told[0]) if told else None

    def jobs(self, instances: list[data.Instance]) -> list[monitor.Entry]:
        inputs: dict[int, dict[str, Any]] = {}
        if any(one.label is None for one in instances):
            with data.session_scope() as session:
                inputs = data.rendered_fields(session, self.dag_id, self.run_id, self.task_id)
        return monitor.jobs_entries(instances, inputs)

    def opened(self, document_id: str) -> Document:
        facts, found = self.document(document_id)
        if found is None:
            raise Nothing(facts["why"])
        return Document(*found)

    def document(self, document_id: str) -> tuple[dict[str, Any], tuple[Source, str, str | None] | None]:
        """Answer what is known of a document, and where its results lie once they do."""
        instances = self.instances()
        batch = self.batch(instances)
        if document_id and batch is not None:
            return self._of_batch(batch, document_id)
        if document_id or (len(instances) != 1 and self.map_index is None):
            raise Nothing("which document of the task?")
        return self._of_instance(instances[0])

    def _of_batch(self, batch: Batch, document_id: str) -> tuple[dict[str, Any], Any]:
        row = batch.row(document_id)
        if row is None:
            raise Nothing("the batch has no such document, or it is not done yet")
        whole = row.whole()
        uri = whole.get("output_s3_uri")
        facts = {
            "name": row.name,
            "status": row.status,
            "reason": row.reason,
            "seconds": row.seconds,
            "input_s3_uri": whole.get("input_s3_uri"),
            "output_s3_uri": uri,
            "invocation_arn": whole.get("invocation_arn"),
            "title": "Bedrock Data Automation job",
            "extra": whole.get("extra") if mode() != "off" else None,
            "links": _links(uri, batch.region_name),
            "why": _why_nothing(row.status),
        }
        if row.status != "succeeded" or not isinstance(uri, str):
            return facts, None
        given = whole.get("input_s3_uri")
        return facts, (batch.source, uri, given if isinstance(given, str) else None)

    def _of_instance(self, instance: data.Instance) -> tuple[dict[str, Any], Any]:
        job = monitor.job_of(instance)
        with data.session_scope() as session:
            fields = data.rendered_fields(
                session, self.dag_id, self.run_id, self.task_id, instance.map_index
            ).get(instance.map_index, {})
        (entry,) = monitor.jobs_entries([instance], {instance.map_index: fields})
        given = fields.get("input_s3_uri")
        uri = job["output_s3_uri"]
        facts = {
            "name": entry.name,
            "status": entry.status,
            "reason": entry.reason,
            "seconds": entry.seconds,
            "try_number": instance.try_number,
            "input_s3_uri": given,
            "output_s3_uri": uri,
            "invocation_arn": next(iter(job["handle"].values()), None),
            "title": job["title"],
            "submitted_at": job["submitted_at"],
            "links": _links(uri, job["region_name"]),
            "why": _why_nothing(entry.status)
            if job["kind"]
            else "No job of this package was submitted by this task.",
        }
        if job["kind"] not in {None, "data_automation"}:
            facts["why"] = f"A {job['title'] or job['kind']} leaves no document to look into."
            return facts, None
        if entry.status != "succeeded" or not isinstance(uri, str) or job["kind"] is None:
            return facts, None
        known = given if isinstance(given, str) and given.startswith("s3://") else None
        return facts, (Source(job["conn_id"], job["region_name"]), uri, known)


def _why_nothing(status: str) -> str:
    return {
        "running": "The job is still running; its results appear here when it has ended.",
        "waiting": "The task waits to be run.",
        "failed": "The job failed, so there are no results.",
        "rejected": "The document was rejected, so there are no results.",
        "skipped": "The document was skipped, so there are no results.",
    }.get(status, "There are no results.")


def _links(uri: Any, region: str | None) -> dict[str, str]:
    """Answer the address of an S3 place in the AWS console; the browser shows it and loads nothing of it."""
    if not isinstance(uri, str) or not uri.startswith("s3://"):
        return {}
    bucket, key = split_s3_uri(uri)
    folder = key.rpartition("/")[0] if key.endswith(".json") else key
    # The partition as the Region tells it; the console finds the bucket's own Region.
    domain = "amazonaws.cn" if (region or "").startswith("cn-") else "aws.amazon.com"
    domain = "amazonaws-us-gov.com" if (region or "").startswith("us-gov-") else domain
    where = f"{quote(bucket, safe='')}?prefix={quote(folder.rstrip('/') + '/', safe='')}"
    return {"console": f"https://console.{domain}/s3/buckets/{where}"}


def _without_columns(line: bytes) -> bytes:
    try:
        row = json.loads(line)
        row.pop("extra", None)
    except (ValueError, AttributeError):
        return b""
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _real(value: str) -> str | None:
    """Answer a value of the address; None where Airflow left its place-holder."""
    return value if value and not (value.startswith("{") and value.endswith("}")) else None


def _index(value: str) -> int | None:
    """Answer a map index; None where none was given.

    :raises HTTPException: it is no number.
    """
    given = _real(value)
    if given is None:
        return None
    try:
        return int(given)
    except ValueError:
        raise HTTPException(422, "map_index is a number") from None
