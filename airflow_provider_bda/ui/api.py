"""The routes that answer JSON. Each authenticates and is bound to the Dag in its path; a client names no S3 key."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import StreamingResponse

from airflow_provider_bda.results import ResultsError
from airflow_provider_bda.ui import airflow_data as data
from airflow_provider_bda.ui import monitor
from airflow_provider_bda.ui.access import GetUserDep, readable, reads_tasks
from airflow_provider_bda.ui.documents import Hidden, Nothing, mode, pretty
from airflow_provider_bda.ui.place import Place, real
from airflow_provider_bda.ui.reading import ReadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

router = APIRouter(prefix="/api")
#: What shows a Dag; the user may read its tasks and XComs.
of_a_dag = APIRouter(prefix="/dags/{dag_id}", dependencies=reads_tasks)
#: Groups an overview holds; a shorter time shows the rest.
MAX_GROUPS = 1_000
PAGE = 50

Text = Annotated[str, Query(max_length=300)]
Page = Annotated[int, Query(ge=1, le=100_000)]
Index = Annotated[int, Query(ge=0, le=100_000)]
#: The task or the document that the address names.
Where = Annotated[Place, Depends(Place)]

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
        since = None if real(run_id) else datetime.now(UTC) - timedelta(hours=hours)
        with data.session_scope() as session:
            groups = data.find_groups(session, since=since, dag_id=real(dag_id), run_id=real(run_id))
            allowed = readable(user, {group.dag_id for group in groups})
            groups = [group for group in groups if group.dag_id in allowed]
            more = len(groups) > MAX_GROUPS
            groups = groups[:MAX_GROUPS]
            data.fill_groups(session, groups)
        found, unknown = monitor.group_rows(groups)
        rows = [row for row in found if (not state or row["state"] == state) and _matches(row, q)]
        start = (page - 1) * PAGE
        return {
            "rows": rows[start : start + PAGE],
            "total": len(rows),
            "page": page,
            "size": PAGE,
            "more": more,
            "unknown": unknown,
            "totals": monitor.totals(rows),
            "dags": sorted({group.dag_id for group in groups}),
        }

    return await _answer(request, work)


def _matches(row: dict[str, Any], text: str) -> bool:
    needle = text.casefold()
    return not needle or any(needle in row[name].casefold() for name in ("dag_id", "run_id", "task_id"))


# --- a task -------------------------------------------------------------------------------------------


@of_a_dag.get("/task")
async def task(request: Request, where: Where) -> Response:
    """One task of a run: how far it is, why documents failed, how long they took."""
    return await _answer(request, where.task)


@of_a_dag.get("/documents")
async def documents(
    request: Request,
    where: Where,
    q: Text = "",
    status: Text = "",
    reason: Annotated[str, Query(max_length=1_000)] = "",
    sort: Text = "",
    page: Page = 1,
) -> Response:
    """The table of a task's documents: searched, filtered, sorted and cut here."""

    def work() -> dict[str, Any]:
        entries, unread = where.entries()
        cut = monitor.select_entries(
            entries, text=q, status=status, reason=reason, sort=sort, page=page, size=PAGE
        )
        return {**cut, "size": PAGE, "unread": unread}

    return await _answer(request, work)


@of_a_dag.get("/download")
async def download(where: Where, what: Text = "results") -> Response:
    """The rows of a task's documents as JSON lines: all, or the failures."""

    def begin() -> Iterator[bytes]:
        batch = where.batch()
        if batch is not None:
            lines = batch.lines(failures=what == "failures")
            return lines if mode() != "off" else map(_without_columns, lines)
        entries = (
            entry
            for entry in where.jobs()
            if what != "failures" or entry.status not in {"succeeded", "skipped"}
        )
        return (json.dumps(entry.to_dict(), ensure_ascii=False).encode() + b"\n" for entry in entries)

    name = "failures" if what == "failures" else "results"
    return StreamingResponse(
        await _in_thread(begin),
        media_type="application/x-ndjson",
        headers={"Content-Disposition": f'attachment; filename="{name}.jsonl"'},
    )


def _without_columns(line: bytes) -> bytes:
    try:
        row = json.loads(line)
        row.pop("extra", None)
    except (ValueError, AttributeError):
        return b""
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


# --- a document ---------------------------------------------------------------------------------------


@of_a_dag.get("/document")
async def document(request: Request, where: Where) -> Response:
    """What became of one document, and its segments if its job has ended well."""
    return await _answer(request, where.document)


@of_a_dag.get("/segment")
async def segment(request: Request, where: Where, index: Index = 0) -> Response:
    """Everything of one segment: fields with their boxes, text, tables, transcript, and what is missing."""
    return await _answer(request, lambda: where.opened().segment(index))


@of_a_dag.get("/picture")
async def picture(where: Where, page: Annotated[int, Query(ge=1, le=100_000)] = 1) -> Response:
    """The picture of a page."""
    body = await _in_thread(lambda: where.opened().picture(page))
    return Response(body, media_type="image/png", headers={"Cache-Control": "private, max-age=300"})


@of_a_dag.get("/raw")
async def raw(
    where: Where,
    index: Index = 0,
    which: Annotated[str, Query(pattern="^(custom|standard|metadata)$")] = "custom",
) -> Response:
    """A file of the job as it stands on S3, indented. Never a type that a browser would run."""
    body = await _in_thread(lambda: b"".join(pretty(where.opened().raw(index, which))))
    return Response(body, media_type="text/plain; charset=utf-8")


router.include_router(of_a_dag)
