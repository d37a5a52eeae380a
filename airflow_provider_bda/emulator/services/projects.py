"""Projects: five operations of ``bedrock-data-automation``.

A project exists once per stage. Creation ends at once (status COMPLETED). That an update at a stage which
the project lacks creates that stage is a guess.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_bda.emulator.messages import ServiceError, invalid, not_found
from airflow_provider_bda.emulator.services.arns import arn, is_public
from airflow_provider_bda.emulator.services.paging import page
from airflow_provider_bda.emulator.services.tagging import as_dict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_bda.emulator.calls import Call
    from airflow_provider_bda.emulator.world import World

_MOST_PROJECTS = 100
_CONFIGURATION = (
    "projectDescription",
    "standardOutputConfiguration",
    "customOutputConfiguration",
    "overrideConfiguration",
    "dataAutomationLibraryConfiguration",
)
_SUMMARY = ("projectArn", "projectStage", "projectType", "projectName", "creationTime")


class Projects:
    """Project operations."""

    _world: World

    def create_data_automation_project(self, call: Call) -> Mapping[str, Any]:
        """Create a project."""
        parameters = {name: value for name, value in call.parameters.items() if name != "clientToken"}
        key = ("project", call.account, call.region, call.parameters.get("clientToken"))

        def create() -> tuple[Mapping[str, Any], Any]:
            mine = [
                stages for found, stages in self._world.projects.items() if _owner(found) == _owner_of(call)
            ]
            if any(
                row["projectName"] == parameters["projectName"] for stages in mine for row in stages.values()
            ):
                raise ServiceError(
                    "ConflictException", f"A project named {parameters['projectName']} already exists."
                )
            if len(mine) >= _MOST_PROJECTS:
                raise ServiceError(
                    "ServiceQuotaExceededException", f"An account has at most {_MOST_PROJECTS} projects."
                )
            found = arn(call, "data-automation-project", uuid4().hex[:12])
            stage = parameters.get("projectStage", "LIVE")
            row = {
                "projectArn": found,
                "projectName": parameters["projectName"],
                "projectType": parameters.get("projectType", "ASYNC"),
            }
            self._world.tags[found] = as_dict(parameters.get("tags"))
            self._world.projects[found] = {stage: self._configured(row, stage, parameters)}
            created = self._world.clock.now()
            return _state(self._world.projects[found][stage]), lambda: created

        return self._world.tokens.once(key, parameters, create, conflict="ConflictException")

    def update_data_automation_project(self, call: Call) -> Mapping[str, Any]:
        """Replace a project's configuration at one stage."""
        stages = self._stages(call)
        stage = call.parameters.get("projectStage") or ("LIVE" if "LIVE" in stages else next(iter(stages)))
        old = stages.get(stage) or next(iter(stages.values()))
        kept = {name: old[name] for name in ("projectArn", "projectName", "projectType")}
        if stage in stages:
            kept["creationTime"] = old["creationTime"]
        stages[stage] = self._configured(kept, stage, call.parameters)
        return _state(stages[stage])

    def get_data_automation_project(self, call: Call) -> Mapping[str, Any]:
        """Answer one project."""
        return {"project": self._project(call)}

    def list_data_automation_projects(self, call: Call) -> Mapping[str, Any]:
        """Answer projects, by stage, blueprint and owner, in pages."""
        parameters = call.parameters
        stage = parameters.get("projectStageFilter", "ALL")
        wanted = parameters.get("blueprintFilter")
        rows = [
            {name: row.get(name) for name in _SUMMARY}
            for found, stages in self._world.projects.items()
            if _owner(found) == _owner_of(call) and parameters.get("resourceOwner", "ACCOUNT") == "ACCOUNT"
            for row in stages.values()
            if stage in ("ALL", row["projectStage"])
            and (wanted is None or any(_same(wanted, item) for item in _blueprints(row)))
            and _has_library(row, parameters.get("libraryFilter"))
        ]
        return page("projects", rows, parameters)

    def delete_data_automation_project(self, call: Call) -> Mapping[str, Any]:
        """Delete a project with all its stages."""
        stages = self._stages(call)
        found = call.parameters["projectArn"]
        del self._world.projects[found]
        self._world.tags.pop(found, None)
        return {"projectArn": found, "status": next(iter(stages.values()))["status"]}

    def _stages(self, call: Call) -> dict[str, dict[str, Any]]:
        found = self._world.projects.get(call.parameters["projectArn"])
        if found is None:
            raise not_found(f"No project {call.parameters['projectArn']}.")
        return found

    def _project(self, call: Call) -> dict[str, Any]:
        stages = self._stages(call)
        stage = call.parameters.get("projectStage") or ("LIVE" if "LIVE" in stages else next(iter(stages)))
        if stage not in stages:
            raise not_found(f"The project {call.parameters['projectArn']} has no stage {stage}.")
        return stages[stage]

    def _configured(
        self, row: Mapping[str, Any], stage: str, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Put a project's row together and check the blueprints it names."""
        now = self._world.clock.now()
        configuration = {name: deepcopy(parameters[name]) for name in _CONFIGURATION if name in parameters}
        for item in _blueprints(configuration):
            found = item["blueprintArn"]
            if not is_public(found) and found not in self._world.blueprints:
                raise invalid(f"The blueprint {found} does not exist.")
        return {
            "creationTime": now,
            **row,
            **configuration,
            **_encryption(parameters),
            "projectStage": stage,
            "lastModifiedTime": now,
            "status": "COMPLETED",
        }


def _encryption(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return dict(parameters.get("encryptionConfiguration", {}))


def _state(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("projectArn", "projectStage", "status")}


def _owner(found: str) -> tuple[str, str]:
    parts = found.split(":")
    return parts[4], parts[3]


def _owner_of(call: Call) -> tuple[str, str]:
    return call.account, call.region


def _blueprints(row: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    custom = row.get("customOutputConfiguration", {})
    yield from custom.get("blueprints", [])
    yield from custom.get("document", {}).get("fallbackBlueprints", [])


def _same(wanted: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    return all(item.get(name) == value for name, value in wanted.items())


def _has_library(row: Mapping[str, Any], wanted: Mapping[str, Any] | None) -> bool:
    libraries = row.get("dataAutomationLibraryConfiguration", {}).get("libraries", [])
    return wanted is None or any(item["libraryArn"] == wanted["libraryArn"] for item in libraries)
