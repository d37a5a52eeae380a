"""The entry point ``airflow.plugins``: where the pages stand in Airflow's UI.

Schedulers, workers and triggerers import this module too, so the application behind it is built by the
api-server's first request and FastAPI is imported nowhere else.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_bda._compat import conf

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["PREFIX", "BdaPlugin"]

#: Not ``/ui...``: Airflow refuses prefixes that begin like its own.
PREFIX = "/bda"


class LazyApp:
    """An ASGI application that is built when it is first asked for something."""

    def __init__(self) -> None:
        self._app: Any = None
        self._lock = threading.Lock()

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Serve one request."""
        if self._app is None:
            import asyncio  # noqa: PLC0415 - see the module's docstring

            await asyncio.to_thread(self._build)  # seconds of imports, and the api-server goes on serving
        await self._app(scope, receive, send)

    def _build(self) -> None:
        with self._lock:
            if self._app is None:
                from airflow_provider_bda.ui.app import build_app  # noqa: PLC0415 - as above

                self._app = build_app()


def _views() -> list[dict[str, Any]]:
    # Behind a proxy the whole of Airflow may live under a path.
    root = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/") + PREFIX
    icons = {"icon": f"{root}/icon/light.svg", "icon_dark_mode": f"{root}/icon/dark.svg"}
    run = "dag_id={DAG_ID}&run_id={RUN_ID}"
    places = {
        "nav": ("bda", "", {"name": "Document processing", "category": "browse"}),
        "dag": ("bda-dag", "?dag_id={DAG_ID}", {}),
        "dag_run": ("bda-run", f"?{run}", {}),
        # Airflow leaves {MAP_INDEX} as it stands for a task that is not mapped; the page knows.
        "task_instance": ("bda-task", f"?{run}&task_id={{TASK_ID}}&map_index={{MAP_INDEX}}", {}),
    }
    return [
        {
            "name": "Documents",
            "href": f"{root}/page{query}",
            "destination": destination,
            "url_route": route,
            **icons,
            **more,
        }
        for destination, (route, query, more) in places.items()
    ]


class BdaPlugin(AirflowPlugin):  # type: ignore[misc,unused-ignore]
    """The monitor's pages: an entry of the Browse menu and a tab on Dag, Dag run and task instance."""

    name = "bda_monitor"
    fastapi_apps = [  # noqa: RUF012 - Airflow's own form
        {"app": LazyApp(), "url_prefix": PREFIX, "name": "Bedrock Data Automation monitor"}
    ]
    external_views = _views()
