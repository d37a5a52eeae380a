"""Projects: five operations of ``bedrock-data-automation``.

A project exists once per stage. A change ends at once (status COMPLETED), unless ``durations["project"]`` or a
fault rule says otherwise: then a job stands for it, and the stage is IN_PROGRESS until that has ended. That an
update at a stage which the project lacks creates that stage is a guess, and so is that a stage in progress
refuses another change.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_bda.emulator.messages import ServiceError, invalid, not_found
from airflow_provider_bda.emulator.runner import Ending, Job
from airflow_provider_bda.emulator.services.arns import arn, is_public
from airflow_provider_bda.emulator.services.paging import page
from airflow_provider_bda.emulator.services.tagging import as_dict
from airflow_provider_bda.jobs import Outcome
from airflow_provider_bda.jobs.catalog import PROJECT as KIND

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
            self._begin(call, found, stage, parameters["projectName"])
            job = self._world.changes.get((found, stage))
            return self._state(self._world.projects[found][stage]), lambda: job.ended if job else created

        return self._world.tokens.once(key, parameters, create, conflict="ConflictException")

    def update_data_automation_project(self, call: Call) -> Mapping[str, Any]:
        """Replace a project's configuration at one stage."""
        stages = self._stages(call)
        stage = call.parameters.get("projectStage") or ("LIVE" if "LIVE" in stages else next(iter(stages)))
        old = stages.get(stage) or next(iter(stages.values()))
        kept = {name: old[name] for name in ("projectArn", "projectName", "projectType")}
        if stage in stages:
            kept["creationTime"] = old["creationTime"]
        if self._status(kept["projectArn"], stage) == "IN_PROGRESS":
            raise ServiceError(
                "ConflictException", f"The project {kept['projectArn']} is IN_PROGRESS at stage {stage}."
            )
        stages[stage] = self._configured(kept, stage, call.parameters)
        self._begin(call, kept["projectArn"], stage, kept["projectArn"])
        return self._state(stages[stage])

    def get_data_automation_project(self, call: Call) -> Mapping[str, Any]:
        """Answer one project."""
        row = self._project(call)
        return {"project": {**row, **self._state(row)}}

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
        state = self._state(next(iter(stages.values())))
        del self._world.projects[found]
        self._world.tags.pop(found, None)
        for stage in stages:
            self._world.changes.pop((found, stage), None)
        return {"projectArn": found, "status": state["status"]}

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
        for item in configuration.get("dataAutomationLibraryConfiguration", {}).get("libraries", []):
            if item["libraryArn"] not in self._world.libraries:
                raise invalid(f"The library {item['libraryArn']} does not exist.")
        return {
            "creationTime": now,
            **row,
            **configuration,
            **_encryption(parameters),
            "projectStage": stage,
            "lastModifiedTime": now,
        }

    def _begin(self, call: Call, found: str, stage: str, about: str) -> None:
        """Let a change take its time, if it takes any."""
        fault = self._world.faults.for_job(call.operation, about)
        if fault is None and self._world.settings.durations.get(KIND.name) == 0:
            self._world.changes.pop((found, stage), None)
            return
        job = Job(
            kind=KIND,
            id=found.rpartition("/")[2],
            arn=f"{found}/{stage}/{uuid4().hex[:12]}",  # each change is a job
            account=call.account,
            region=call.region,
            lane="",
            input_uri=about,
            request=dict(call.parameters),
            work=lambda _job: Ending(Outcome.SUCCEEDED),
            fault=fault,
        )
        self._world.changes[found, stage] = job
        self._world.runner.submit(job)

    def _status(self, found: str, stage: str) -> str:
        job = self._world.changes.get((found, stage))
        return "COMPLETED" if job is None else job.status

    def _state(self, row: Mapping[str, Any]) -> dict[str, Any]:
        status = self._status(row["projectArn"], row["projectStage"])
        return {"projectArn": row["projectArn"], "projectStage": row["projectStage"], "status": status}


def _encryption(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return dict(parameters.get("encryptionConfiguration", {}))


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
