"""What of a project decides what its jobs extract: noted when a run begins, looked at while it goes on and when it ends.

Which calls that takes stands here once; the worker makes them one after another, the engine without blocking its loop.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs.event import plain
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping

#: A call of the control plane: the method's name and its arguments.
Call = tuple[str, dict[str, Any]]
_DECISIVE = ("dataAutomationConfiguration", "blueprints")


class Unreadable(Exception):
    """The project or a blueprint could not be read."""


def name_of(request: Mapping[str, Any]) -> str:
    """Answer what of a request names project and blueprints, as text: those of equal text have one state."""
    return json.dumps([request.get(name) for name in _DECISIVE], sort_keys=True)


def request_of(name: str) -> dict[str, Any]:
    """Answer the members of a request that have this name."""
    members = zip(_DECISIVE, json.loads(name), strict=True)
    return {member: value for member, value in members if value is not None}


def read_state(
    call: Callable[[str, dict[str, Any]], Mapping[str, Any]], request: Mapping[str, Any]
) -> dict[str, Any]:
    """Read the state of a request's project and blueprints (GetDataAutomationProject, GetBlueprint).

    :param call: makes a call of the control plane.
    :param request: members of InvokeDataAutomationAsync, names resolved.
    :return: ``project`` (when it was last modified) and ``blueprints``: ARN, version or stage, and when last modified.
    :raises Unreadable: with the service's words.
    """
    steps = _steps(request)
    try:
        step = next(steps)
        while True:
            step = steps.send(plain(call(*step)))
    except StopIteration as end:
        return dict(end.value)
    except CALL_ERRORS as raised:
        error = call_error(raised)
        raise Unreadable(f"{error.code}: {error.message}") from raised


async def read_state_async(
    call: Callable[[str, dict[str, Any]], Awaitable[Mapping[str, Any]]], request: Mapping[str, Any]
) -> dict[str, Any]:
    """Read the same from an event loop.

    :raises Unreadable: with the service's words.
    """
    steps = _steps(request)
    answer: Any = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return dict(end.value)
        try:
            answer = plain(await call(*step))
        except CALL_ERRORS as raised:
            error = call_error(raised)
            raise Unreadable(f"{error.code}: {error.message}") from raised


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


def state_of_job(
    before: Mapping[str, Any], now: Mapping[str, Any], submitted_at: float | None
) -> Mapping[str, Any]:
    """Answer in which of two states a job was submitted.

    What was submitted between two changes counts as of before: where it matters it is bought again.

    :param before: when its run began.
    :param now: at this moment; empty if it is not known.
    :param submitted_at: epoch seconds.
    """
    if not now or before == now or submitted_at is None:
        return before
    old = {item["arn"]: item for item in before["blueprints"]}
    times = [item.get("modified") for item in now["blueprints"] if old.get(item["arn"]) != item]
    if before["project"] != now["project"]:
        times.append(now["project"])
    known = [datetime.fromisoformat(time).timestamp() for time in times if time]
    return now if known and submitted_at >= max(known) else before


def _steps(request: Mapping[str, Any]) -> Generator[Call, dict[str, Any], dict[str, Any]]:
    """Yield the calls that a state takes, take their answers, and return the state."""
    state: dict[str, Any] = {"project": None, "blueprints": []}
    wanted = [dict(blueprint) for blueprint in request.get("blueprints") or ()]
    if configuration := request.get("dataAutomationConfiguration"):
        arguments = {"projectArn": configuration["dataAutomationProjectArn"]}
        if stage := configuration.get("stage"):
            arguments["projectStage"] = stage
        project = (yield "get_data_automation_project", arguments)["project"]
        state["project"] = project.get("lastModifiedTime")
        for item in (project.get("customOutputConfiguration") or {}).get("blueprints") or ():
            names = {"blueprintVersion": "version", "blueprintStage": "stage"}
            wanted.append(
                {"blueprintArn": item["blueprintArn"]}
                | {new: item[old] for old, new in names.items() if item.get(old)}
            )
    for item in wanted:
        state["blueprints"].append((yield from _blueprint(item)))
    return state


def _blueprint(item: Mapping[str, str]) -> Generator[Call, dict[str, Any], dict[str, Any]]:
    arn, version, stage = item["blueprintArn"], item.get("version"), item.get("stage")
    if ":aws:blueprint/" in arn:  # AWS's own samples cannot be read, and change with no version
        return {"arn": arn, "version": version}
    arguments = {"blueprintArn": arn}
    if version:
        arguments["blueprintVersion"] = version
    elif stage:
        arguments["blueprintStage"] = stage
    blueprint = (yield "get_blueprint", arguments)["blueprint"]
    return {
        "arn": arn,
        "version": blueprint.get("blueprintVersion") or version,
        "modified": blueprint.get("lastModifiedTime"),
    }
