"""Blueprints, their stages and versions: seven operations of ``bedrock-data-automation``.

A blueprint exists once per stage and once per version; a version is a frozen copy of the stage LIVE, or of
DEVELOPMENT where there is no other. Deleting a blueprint that a project names is allowed: the API has no
error for it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_bda.emulator.messages import ServiceError, invalid, not_found
from airflow_provider_bda.emulator.services.arns import arn
from airflow_provider_bda.emulator.services.paging import page
from airflow_provider_bda.emulator.services.tagging import as_dict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.calls import Call
    from airflow_provider_bda.emulator.world import World

_STAGES = ("LIVE", "DEVELOPMENT")
_MOST_BLUEPRINTS = 1_000
_MOST_VERSIONS = 100
_SUMMARY = (
    "blueprintArn",
    "blueprintVersion",
    "blueprintStage",
    "blueprintName",
    "creationTime",
    "lastModifiedTime",
)


class Blueprints:
    """Blueprint operations."""

    _world: World

    def create_blueprint(self, call: Call) -> Mapping[str, Any]:
        """Create a blueprint."""
        parameters = {name: value for name, value in call.parameters.items() if name != "clientToken"}
        key = ("blueprint", call.account, call.region, call.parameters.get("clientToken"))

        def create() -> tuple[Mapping[str, Any], Any]:
            name = parameters["blueprintName"]
            mine = self._mine(call)
            if any(row["blueprintName"] == name for rows in mine.values() for row in rows.values()):
                raise ServiceError("ConflictException", f"A blueprint named {name} already exists.")
            if len(mine) >= _MOST_BLUEPRINTS:
                raise ServiceError(
                    "ServiceQuotaExceededException", f"An account has at most {_MOST_BLUEPRINTS} blueprints."
                )
            _check_schema(parameters["schema"])
            now = self._world.clock.now()
            stage = parameters.get("blueprintStage", "LIVE")
            row = {
                "blueprintArn": arn(call, "blueprint", uuid4().hex[:12]),
                "blueprintName": name,
                "type": parameters["type"],
                "schema": parameters["schema"],
                "blueprintStage": stage,
                "creationTime": now,
                "lastModifiedTime": now,
                **parameters.get("encryptionConfiguration", {}),
            }
            self._world.tags[row["blueprintArn"]] = as_dict(parameters.get("tags"))
            self._world.blueprints[row["blueprintArn"]] = {stage: row}
            return {"blueprint": dict(row)}, lambda: now

        return self._world.tokens.once(key, parameters, create, conflict="ConflictException")

    def get_blueprint(self, call: Call) -> Mapping[str, Any]:
        """Answer one stage or version of a blueprint."""
        rows = self._rows(call)
        wanted = call.parameters.get("blueprintVersion") or call.parameters.get("blueprintStage")
        row = rows.get(wanted) if wanted else _current(rows)
        if row is None:
            raise not_found(f"The blueprint {call.parameters['blueprintArn']} has no {wanted}.")
        return {"blueprint": row}

    def update_blueprint(self, call: Call) -> Mapping[str, Any]:
        """Replace the schema at one stage."""
        rows = self._rows(call)
        _check_schema(call.parameters["schema"])
        current = _current(rows)
        stage = call.parameters.get("blueprintStage") or current["blueprintStage"]
        rows[stage] = {
            **rows.get(stage, current),
            "blueprintStage": stage,
            "schema": call.parameters["schema"],
            "lastModifiedTime": self._world.clock.now(),
            **call.parameters.get("encryptionConfiguration", {}),
        }
        return {"blueprint": rows[stage]}

    def create_blueprint_version(self, call: Call) -> Mapping[str, Any]:
        """Freeze the current schema as the next version."""
        rows = self._rows(call)
        key = ("version", call.parameters["blueprintArn"], call.parameters.get("clientToken"))

        def create() -> tuple[Mapping[str, Any], Any]:
            numbers = [int(name) for name in rows if name not in _STAGES]
            if len(numbers) >= _MOST_VERSIONS:
                raise ServiceError(
                    "ServiceQuotaExceededException", f"A blueprint has at most {_MOST_VERSIONS} versions."
                )
            now = self._world.clock.now()
            number = str(max(numbers, default=0) + 1)
            rows[number] = {
                **_current(rows),
                "blueprintVersion": number,
                "creationTime": now,
                "lastModifiedTime": now,
            }
            return {"blueprint": rows[number]}, lambda: now

        return self._world.tokens.once(key, {}, create)

    def copy_blueprint_stage(self, call: Call) -> Mapping[str, Any]:
        """Put the schema of one stage in place of the other's, or make that stage."""
        rows = self._rows(call)
        source, target = call.parameters["sourceStage"], call.parameters["targetStage"]
        if source == target:
            raise invalid(f"sourceStage and targetStage are both {source}.")
        if source not in rows:
            raise not_found(f"The blueprint {call.parameters['blueprintArn']} has no {source}.")
        parameters = {"sourceStage": source, "targetStage": target}
        key = ("copy-stage", call.parameters["blueprintArn"], call.parameters.get("clientToken"))

        def copy() -> tuple[Mapping[str, Any], Any]:
            now = self._world.clock.now()
            created = rows.get(target, {}).get("creationTime", now)
            rows[target] = {
                **rows[source],
                "blueprintStage": target,
                "creationTime": created,
                "lastModifiedTime": now,
            }
            return {}, lambda: now

        return self._world.tokens.once(key, parameters, copy)

    def list_blueprints(self, call: Call) -> Mapping[str, Any]:
        """Answer blueprints by stage, owner and project, or one blueprint's stages and versions, in pages."""
        parameters = call.parameters
        if parameters.get("resourceOwner") == "SERVICE":
            return page("blueprints", [], parameters)
        stage = parameters.get("blueprintStageFilter", "ALL")
        one = parameters.get("blueprintArn")
        named = self._named_by(parameters.get("projectFilter"))
        rows = [
            {name: row.get(name) for name in _SUMMARY}
            for found, rows in self._mine(call).items()
            if one in (None, found) and (named is None or found in named)
            for key, row in rows.items()
            # Versions are listed for one blueprint only; a plain list has one row a stage.
            if (key in _STAGES or one is not None) and stage in ("ALL", row["blueprintStage"])
        ]
        return page("blueprints", rows, parameters)

    def delete_blueprint(self, call: Call) -> Mapping[str, Any]:
        """Delete a blueprint, or one version of it."""
        rows = self._rows(call)
        version = call.parameters.get("blueprintVersion")
        if version is None:
            del self._world.blueprints[call.parameters["blueprintArn"]]
            self._world.tags.pop(call.parameters["blueprintArn"], None)
        elif rows.pop(version, None) is None:
            raise not_found(f"The blueprint {call.parameters['blueprintArn']} has no version {version}.")
        return {}

    def _rows(self, call: Call) -> dict[str, dict[str, Any]]:
        found = self._world.blueprints.get(call.parameters["blueprintArn"])
        if found is None:
            raise not_found(f"No blueprint {call.parameters['blueprintArn']}.")
        return found

    def _mine(self, call: Call) -> dict[str, dict[str, dict[str, Any]]]:
        owner = f":{call.region}:{call.account}:"
        return {found: rows for found, rows in self._world.blueprints.items() if owner in found}

    def _named_by(self, wanted: Mapping[str, Any] | None) -> set[str] | None:
        if wanted is None:
            return None
        stages = self._world.projects.get(wanted["projectArn"], {})
        row = stages.get(wanted.get("projectStage", "LIVE"), {})
        items = row.get("customOutputConfiguration", {}).get("blueprints", [])
        return {item["blueprintArn"] for item in items}


def _current(rows: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    return rows["LIVE"] if "LIVE" in rows else rows["DEVELOPMENT"]


def _check_schema(text: str) -> None:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise invalid(f"The blueprint's schema is no JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("properties"), dict):
        raise invalid("The blueprint's schema must be a JSON object with properties.")
