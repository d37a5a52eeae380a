"""The admin path ``/_bda/``: settings, faults, jobs, calls and reset of a running emulator, as JSON.

The same things are reachable in Python on the :class:`Emulator`; this is for one that runs on its own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.faults import Fault
from airflow_provider_bda.emulator.gateway import ADMIN, json_response

if TYPE_CHECKING:
    from airflow_provider_bda.emulator.messages import HttpRequest, HttpResponse
    from airflow_provider_bda.emulator.world import World

_PATHS = {
    "GET /_bda/": "this",
    "GET, PATCH /_bda/settings": "pace and quotas",
    "GET, POST, DELETE /_bda/faults": "fault rules",
    "GET /_bda/calls?operation=": "calls received",
    "GET /_bda/jobs": "jobs",
    "POST /_bda/reset": "forget everything but the settings",
}


class Admin:
    """Answers the admin path of one emulator."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        name = request.path.removeprefix(ADMIN).strip("/") or "index"
        handler = getattr(self, f"_{request.method.lower()}_{name}", None)
        if handler is None:
            return json_response({"error": f"no {request.method} {request.path}", "paths": _PATHS}, 404)
        try:
            found = handler(request)
        except (TypeError, ValueError) as error:
            return json_response({"error": str(error)}, 400)
        return json_response(found)

    def _get_index(self, _request: HttpRequest) -> Any:
        world = self._world
        return {
            "account": world.moto.account,
            "region": world.settings.region,
            "jobs": len(world.runner.jobs()),
            "paths": _PATHS,
        }

    def _get_settings(self, _request: HttpRequest) -> Any:
        return self._world.settings.as_json()

    def _patch_settings(self, request: HttpRequest) -> Any:
        self._world.settings.update(_body(request))
        self._world.runner.fill()
        return self._world.settings.as_json()

    def _get_faults(self, _request: HttpRequest) -> Any:
        return self._world.faults.as_json()

    def _post_faults(self, request: HttpRequest) -> Any:
        self._world.faults.add(Fault.from_json(_body(request)))
        return self._world.faults.as_json()

    def _delete_faults(self, _request: HttpRequest) -> Any:
        self._world.faults.clear()
        return []

    def _get_calls(self, request: HttpRequest) -> Any:
        operation = request.query_fields.get("operation", [None])[0]
        return [call.as_json() for call in self._world.calls.of(operation)]

    def _get_jobs(self, _request: HttpRequest) -> Any:
        return [job.as_json() for job in self._world.runner.jobs()]

    def _post_reset(self, _request: HttpRequest) -> Any:
        self._world.reset()
        return {"status": "ok"}


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        found = json.loads(request.body or b"{}")
    except ValueError as error:
        raise ValueError(f"the body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise TypeError("the body must be a JSON object")
    return found
