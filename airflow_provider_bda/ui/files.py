"""The files of the browser's side: a page, its modules, its style, two icons. No build makes them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

from airflow_provider_bda.ui.access import authenticated

WWW = Path(__file__).parent / "www"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

#: Every route asks who is there, these too.
router = APIRouter(dependencies=[authenticated])


@cache
def _files() -> dict[str, tuple[bytes, str, str]]:
    """Read every file there is: name -> body, type, ETag. A name that is not in it is no file."""
    found = {}
    for path in WWW.iterdir():
        if path.suffix in TYPES:
            body = path.read_bytes()
            kind = f"{TYPES[path.suffix]}; charset=utf-8"
            found[path.name] = (body, kind, f'"{hashlib.sha256(body).hexdigest()[:24]}"')
    return found


def _send(request: Request, name: str) -> Response:
    if name not in _files():
        raise HTTPException(404, "there is no such file")
    body, kind, etag = _files()[name]
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if request.headers.get("If-None-Match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)


@router.get("/page")
def page(request: Request) -> Response:
    """The page; its query says which one."""
    return _send(request, "page.html")


@router.get("/static/{name}")
def static(request: Request, name: str) -> Response:
    """A module or the style."""
    return _send(request, name)


@router.get("/icon/{name}")
def icon(request: Request, name: str) -> Response:
    """An icon of the menu."""
    return _send(request, name)
