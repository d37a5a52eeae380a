"""The tags a job or resource gets: the Dag's own, the author's, and those of Airflow's configuration."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_bda._checks import check_tags
from airflow_provider_bda._compat import conf
from airflow_provider_bda.exceptions import BdaInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_IN_AN_ASCII_TAG = re.compile(r"[^a-zA-Z0-9\s._:/=+@-]")


def notification_and_tags(
    context: Any, tags: Mapping[str, str] | None, *, event_bridge_enabled: bool | str
) -> dict[str, Any]:
    """Answer the members of a BDA request that change nothing in the work: whether to send events, and the tags.

    :raises BdaInputError: a tag breaks the service's pattern.
    """
    members: dict[str, Any] = {}
    if str(event_bridge_enabled).lower() in {"true", "1"}:  # a template renders to a string
        members["notificationConfiguration"] = {"eventBridgeConfiguration": {"eventBridgeEnabled": True}}
    if found := all_tags(context, tags):
        members["tags"] = found
    return members


def all_tags(
    context: Any, tags: Mapping[str, str] | None, *, ascii_only: bool = False
) -> list[dict[str, str]]:
    """Answer every tag as the API has them: ``airflow_dag_id`` and ``airflow_task_id`` unless switched off.

    :param ascii_only: whether the service takes no other letters; those of a Dag's or task's id become ``_``.
    :raises BdaInputError: a tag breaks the service's pattern.
    """
    try:
        defaults = json.loads(conf.get("bda", "default_tags", fallback=None) or "{}")
    except ValueError as error:
        raise BdaInputError(
            f"[bda] default_tags in Airflow's configuration is no JSON object: {error}"
        ) from error
    check_tags("[bda] default_tags", defaults)
    own = {}
    if conf.getboolean("bda", "airflow_tags", fallback=True):
        ti = context["ti"]
        own = {f"airflow_{name}": getattr(ti, name)[:256] for name in ("dag_id", "task_id")}
    if ascii_only:
        own = {name: _NOT_IN_AN_ASCII_TAG.sub("_", value) for name, value in own.items()}
    if tags:
        check_tags("tags", tags)
    merged = {**defaults, **own, **(tags or {})}
    return [{"key": key, "value": value} for key, value in sorted(merged.items())]
