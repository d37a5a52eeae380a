"""The application behind the pages: routes, files of the browser's side, and headers that hold it in."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from airflow_provider_bda.ui import api, files
from airflow_provider_bda.ui.reading import warm

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import Request, Response

#: Nothing from elsewhere, nothing inline, and shown in a frame by Airflow alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def build_app() -> FastAPI:
    """Build the application. Airflow mounts it and leaves authentication to it: every route asks for it."""
    # A schema page would be public.
    app = FastAPI(title="Bedrock Data Automation monitor", openapi_url=None, docs_url=None, redoc_url=None)

    @app.middleware("http")
    async def hold_in(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Any:
        answer = await call_next(request)
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        answer.headers.setdefault("Cache-Control", "private, no-cache")
        return answer

    app.include_router(files.router)
    app.include_router(api.router)
    # The first page is on its way while boto reads its models: most of a second.
    threading.Thread(target=warm, name="bda-ui-warm", daemon=True).start()
    return app
