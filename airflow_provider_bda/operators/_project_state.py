"""What of a project decides what its jobs extract: noted when a batch begins, compared when it goes on or ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs.event import plain
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationHook


class Unreadable(Exception):
    """The project or a blueprint could not be read."""


def project_state(hook: BedrockDataAutomationHook, request: Mapping[str, Any]) -> dict[str, Any]:
    """Read it (GetDataAutomationProject, GetBlueprint).

    :param request: members of InvokeDataAutomationAsync, names resolved.
    :return: ``project`` (when it was last modified) and ``blueprints``: ARN, version or stage, and when last modified.
    :raises Unreadable: with the service's words.
    """
    state: dict[str, Any] = {"project": None, "blueprints": []}
    wanted = [dict(blueprint) for blueprint in request.get("blueprints") or ()]
    try:
        if configuration := request.get("dataAutomationConfiguration"):
            arguments = {"projectArn": configuration["dataAutomationProjectArn"]}
            if stage := configuration.get("stage"):
                arguments["projectStage"] = stage
            project = plain(hook.call("get_data_automation_project", arguments)["project"])
            state["project"] = project.get("lastModifiedTime")
            for item in (project.get("customOutputConfiguration") or {}).get("blueprints") or ():
                names = {"blueprintVersion": "version", "blueprintStage": "stage"}
                wanted.append(
                    {"blueprintArn": item["blueprintArn"]}
                    | {new: item[old] for old, new in names.items() if item.get(old)}
                )
        state["blueprints"] = [_blueprint(hook, item) for item in wanted]
    except CALL_ERRORS as raised:
        error = call_error(raised)
        raise Unreadable(f"{error.code}: {error.message}") from raised
    return state


def _blueprint(hook: BedrockDataAutomationHook, item: Mapping[str, str]) -> dict[str, Any]:
    arn, version, stage = item["blueprintArn"], item.get("version"), item.get("stage")
    if ":aws:blueprint/" in arn:  # AWS's own samples cannot be read, and change with no version
        return {"arn": arn, "version": version}
    arguments = {"blueprintArn": arn}
    if version:
        arguments["blueprintVersion"] = version
    elif stage:
        arguments["blueprintStage"] = stage
    blueprint = plain(hook.call("get_blueprint", arguments)["blueprint"])
    return {
        "arn": arn,
        "version": blueprint.get("blueprintVersion") or version,
        "modified": blueprint.get("lastModifiedTime"),
    }


def change(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Say what has changed; None if nothing has or one of the two is not known."""
    if not before or not now or before == now:
        return None
    old = {item["arn"]: item for item in before["blueprints"]}
    new = {item["arn"]: item for item in now["blueprints"]}
    changed = sorted(arn for arn in old.keys() | new.keys() if old.get(arn) != new.get(arn))
    if changed:
        return f"blueprints were changed: {', '.join(changed)}"
    return f"the project was modified at {now['project']}"
