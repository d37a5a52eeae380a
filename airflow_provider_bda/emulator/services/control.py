"""The service ``bedrock-data-automation``: all 27 operations of the control plane."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.services.blueprints import Blueprints
from airflow_provider_bda.emulator.services.library_ingestion import LibraryIngestion
from airflow_provider_bda.emulator.services.optimization import Optimization
from airflow_provider_bda.emulator.services.projects import Projects
from airflow_provider_bda.emulator.services.tagging import Tagging

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.messages import HttpRequest
    from airflow_provider_bda.emulator.routing import Route
    from airflow_provider_bda.emulator.services.analysing import Analyst
    from airflow_provider_bda.emulator.world import World

_OURS = re.compile(
    rb":(data-automation-project|data-automation-library|data-automation-library-ingestion-job"
    rb"|blueprint|blueprint-optimization-invocation)/"
)
_SHARED = frozenset({"ListTagsForResource", "TagResource", "UntagResource"})
_NAMES = (
    "jobArn",
    "invocationArn",
    "projectArn",
    "blueprintArn",
    "libraryArn",
    "resourceARN",
    "projectName",
    "blueprintName",
    "libraryName",
)


class Control(Projects, Blueprints, LibraryIngestion, Optimization, Tagging):
    """The control plane of Bedrock Data Automation."""

    name = "bedrock-data-automation"
    blocking: frozenset[str] = frozenset()

    def __init__(self, world: World, analyst: Analyst) -> None:
        self._world = world
        self._analyst = analyst

    def claims(self, route: Route, request: HttpRequest) -> bool:
        """Tell our tag operations from those of ``bedrock``, which have the same paths: by the ARN."""
        return route.operation.name not in _SHARED or _OURS.search(request.body) is not None

    def input_uri(self, parameters: Mapping[str, Any]) -> str:
        """Name what a call is about for fault rules: a job's input, or the ARN or name it carries."""
        for name in ("jobArn", "invocationArn"):
            if job := self._world.runner.get(parameters.get(name, "")):
                return job.input_uri
        if samples := parameters.get("samples"):
            return str(samples[0].get("assetS3Object", {}).get("s3Uri", ""))
        if uri := parameters.get("inputConfiguration", {}).get("s3Object", {}).get("s3Uri"):
            return str(uri)
        return next((str(parameters[name]) for name in _NAMES if name in parameters), "")
