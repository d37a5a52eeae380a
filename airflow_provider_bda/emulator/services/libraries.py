"""Libraries and their entities: seven operations of ``bedrock-data-automation``.

A library is deleted by a job: it is DELETING until then and cannot be found afterwards. That a library which
is being deleted or ingested into refuses changes with ConflictException is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_bda.emulator.messages import ServiceError, not_found
from airflow_provider_bda.emulator.runner import Ending, Job
from airflow_provider_bda.emulator.services.arns import arn
from airflow_provider_bda.emulator.services.paging import page
from airflow_provider_bda.emulator.services.tagging import as_dict
from airflow_provider_bda.jobs import Outcome
from airflow_provider_bda.jobs.catalog import LIBRARY_DELETION, LIBRARY_INGESTION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.calls import Call
    from airflow_provider_bda.emulator.world import World

_MOST_LIBRARIES = 10
_SUMMARY = ("libraryArn", "libraryName", "creationTime")
_ENTITY_SUMMARY = ("entityId", "description", "language", "lastModifiedTime")


@dataclass(slots=True, eq=False)
class Library:
    """One library.

    :param row: as the API has it, but for status and entity types.
    :param entities: vocabularies by id, as the API has them.
    :param deletion: the job that deletes it, once there is one.
    """

    row: dict[str, Any]
    entities: dict[str, dict[str, Any]] = field(default_factory=dict)
    deletion: Job | None = None

    @property
    def status(self) -> str:
        """ACTIVE or DELETING."""
        return "ACTIVE" if self.deletion is None else "DELETING"

    @property
    def gone(self) -> bool:
        """Whether its deletion has ended."""
        return self.deletion is not None and self.deletion.ended is not None

    @property
    def state(self) -> dict[str, Any]:
        """What a change answers."""
        return {"libraryArn": self.row["libraryArn"], "status": self.status}


class Libraries:
    """Library operations."""

    _world: World

    def create_data_automation_library(self, call: Call) -> Mapping[str, Any]:
        """Create a library."""
        parameters = {name: value for name, value in call.parameters.items() if name != "clientToken"}
        key = ("library", call.account, call.region, call.parameters.get("clientToken"))

        def create() -> tuple[Mapping[str, Any], Any]:
            mine = self._libraries(call)
            name = parameters["libraryName"]
            if any(library.row["libraryName"] == name for library in mine):
                raise ServiceError("ConflictException", f"A library named {name} already exists.")
            if len(mine) >= _MOST_LIBRARIES:
                raise ServiceError(
                    "ServiceQuotaExceededException", f"An account has at most {_MOST_LIBRARIES} libraries."
                )
            now = self._world.clock.now()
            found = arn(call, "data-automation-library", uuid4().hex[:12])
            library = Library(
                {
                    "libraryArn": found,
                    "libraryName": name,
                    "libraryDescription": parameters.get("libraryDescription"),
                    "creationTime": now,
                    **parameters.get("encryptionConfiguration", {}),
                }
            )
            self._world.libraries[found] = library
            self._world.tags[found] = as_dict(parameters.get("tags"))
            return library.state, lambda: now

        return self._world.tokens.once(key, parameters, create, conflict="ConflictException")

    def get_data_automation_library(self, call: Call) -> Mapping[str, Any]:
        """Answer one library."""
        library = self._library(call)
        types = [{"entityType": "VOCABULARY"}] if library.entities else []
        return {"library": {**library.row, "status": library.status, "entityTypes": types}}

    def update_data_automation_library(self, call: Call) -> Mapping[str, Any]:
        """Replace a library's description."""
        library = self._active_library(call)
        library.row["libraryDescription"] = call.parameters.get("libraryDescription")
        return library.state

    def list_data_automation_libraries(self, call: Call) -> Mapping[str, Any]:
        """Answer libraries, all or those of a project, in pages."""
        wanted = call.parameters.get("projectFilter")
        named: set[str] | None = None
        if wanted is not None:
            stages = self._world.projects.get(wanted["projectArn"], {})
            row = stages.get(wanted.get("projectStage", "LIVE"), {})
            items = row.get("dataAutomationLibraryConfiguration", {}).get("libraries", [])
            named = {item["libraryArn"] for item in items}
        rows = [
            {name: library.row[name] for name in _SUMMARY}
            for library in self._libraries(call)
            if named is None or library.row["libraryArn"] in named
        ]
        return page("libraries", rows, call.parameters)

    def delete_data_automation_library(self, call: Call) -> Mapping[str, Any]:
        """Start to delete a library; doing so twice is one deletion."""
        library = self._library(call)
        if library.deletion is None:
            self._refuse_while_ingesting(call)
            found = library.row["libraryArn"]
            library.deletion = Job(
                kind=LIBRARY_DELETION,
                id=found.rpartition("/")[2],
                arn=f"{found}/deletion",
                account=call.account,
                region=call.region,
                lane="",
                input_uri=found,
                request=dict(call.parameters),
                work=lambda _job: Ending(Outcome.SUCCEEDED),
            )
            self._world.runner.submit(library.deletion)
        return library.state

    def get_data_automation_library_entity(self, call: Call) -> Mapping[str, Any]:
        """Answer one entity, whole."""
        wanted = call.parameters["entityId"]
        found = self._library(call).entities.get(wanted)
        if found is None:
            raise not_found(f"No entity {wanted} in {call.parameters['libraryArn']}.")
        return {"entity": {"vocabulary": found}}

    def list_data_automation_library_entities(self, call: Call) -> Mapping[str, Any]:
        """Answer a library's entities without their phrases, in pages."""
        rows = [
            {
                "vocabulary": {
                    **{name: entity.get(name) for name in _ENTITY_SUMMARY},
                    "numOfPhrases": len(entity["phrases"]),
                }
            }
            for entity in list(self._library(call).entities.values())
        ]
        return page("entities", rows, call.parameters)

    # --- what the operations share -----------------------------------------------------------------

    def _libraries(self, call: Call) -> list[Library]:
        owner = f":{call.region}:{call.account}:"
        found = list(self._world.libraries.items())
        return [library for name, library in found if owner in name and not self._forgotten(name)]

    def _forgotten(self, found: str) -> bool:
        """Say whether a library is gone, and forget it then."""
        library = self._world.libraries.get(found)
        if library is not None and library.gone:
            self._world.libraries.pop(found, None)
            self._world.tags.pop(found, None)
        return library is None or library.gone

    def _library(self, call: Call) -> Library:
        found = call.parameters["libraryArn"]
        if self._forgotten(found):
            raise not_found(f"No library {found}.")
        library: Library = self._world.libraries[found]
        return library

    def _active_library(self, call: Call) -> Library:
        library = self._library(call)
        if library.deletion is not None:
            raise ServiceError("ConflictException", f"The library {library.row['libraryArn']} is DELETING.")
        return library

    def _refuse_while_ingesting(self, call: Call) -> None:
        """Refuse what cannot be done while a library's one ingestion job runs."""
        found = call.parameters["libraryArn"]
        for job in self._world.runner.jobs_of(LIBRARY_INGESTION, call.account, call.region):
            if job.request["libraryArn"] == found and job.ended is None:
                raise ServiceError(
                    "ConflictException", f"The ingestion job {job.arn} of this library is in progress."
                )
