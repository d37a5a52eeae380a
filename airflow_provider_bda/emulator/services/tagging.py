"""The three tag operations, the same for every service whose resources have an ARN here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.messages import ServiceError, not_found

if TYPE_CHECKING:
    from airflow_provider_bda.emulator.calls import Call
    from airflow_provider_bda.emulator.world import World

_MOST_TAGS = 200


def as_dict(tags: list[dict[str, str]] | None) -> dict[str, str]:
    """Turn the API's list of tags into a mapping."""
    return {tag["key"]: tag["value"] for tag in tags or []}


class Tagging:
    """Tag operations over the world's one table of tags."""

    _world: World

    def _tags(self, call: Call) -> dict[str, str]:
        found = self._world.tags.get(call.parameters["resourceARN"])
        if found is None:
            raise not_found(f"No resource {call.parameters['resourceARN']}.")
        return found

    def list_tags_for_resource(self, call: Call) -> dict[str, Any]:
        """Answer a resource's tags."""
        return {"tags": [{"key": key, "value": value} for key, value in self._tags(call).items()]}

    def tag_resource(self, call: Call) -> dict[str, Any]:
        """Add or change tags."""
        tags = self._tags(call)
        merged = {**tags, **as_dict(call.parameters["tags"])}
        if len(merged) > _MOST_TAGS:
            raise ServiceError("ServiceQuotaExceededException", f"A resource has at most {_MOST_TAGS} tags.")
        tags.update(merged)
        return {}

    def untag_resource(self, call: Call) -> dict[str, Any]:
        """Take tags away."""
        tags = self._tags(call)
        for key in call.parameters["tagKeys"]:
            tags.pop(key, None)
        return {}
