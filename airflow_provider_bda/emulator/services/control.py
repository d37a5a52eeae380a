"""The service ``bedrock-data-automation``: projects, blueprints and tags; the rest is not emulated yet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.services.blueprints import Blueprints
from airflow_provider_bda.emulator.services.projects import Projects
from airflow_provider_bda.emulator.services.tagging import Tagging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.messages import HttpRequest
    from airflow_provider_bda.emulator.routing import Route
    from airflow_provider_bda.emulator.world import World

_OURS = re.compile(rb":(data-automation-project|data-automation-library|blueprint)/")
_SHARED = frozenset({"ListTagsForResource", "TagResource", "UntagResource"})


class Control(Projects, Blueprints, Tagging):
    """The control plane of Bedrock Data Automation."""

    name = "bedrock-data-automation"
    blocking: frozenset[str] = frozenset()

    def __init__(self, world: World) -> None:
        self._world = world

    def claims(self, route: Route, request: HttpRequest) -> bool:
        """Tell our tag operations from those of ``bedrock``, which have the same paths: by the ARN."""
        return route.operation.name not in _SHARED or _OURS.search(request.body) is not None

    def input_uri(self, parameters: Mapping[str, Any]) -> str:
        """Name what a call is about for fault rules: the ARN or name it carries."""
        names = ("projectArn", "blueprintArn", "resourceARN", "projectName", "blueprintName")
        return next((str(parameters[name]) for name in names if name in parameters), "")
