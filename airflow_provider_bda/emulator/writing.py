"""Writes an answer by its output shape, and refuses one that the service's model does not allow.

An answer that does not fit is a fault of the emulator, so it raises :class:`TypeError` (a 500 on the wire)
instead of teaching clients something AWS never says.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import Shape, StructureShape


def write(
    shape: StructureShape, value: Mapping[str, Any], timestamps: str, *, strict: bool = True
) -> dict[str, Any]:
    """Turn an answer into what JSON can carry.

    :param shape: the operation's output shape.
    :param value: the members; None stands for an absent one.
    :param timestamps: the protocol's own timestamp format, for shapes that name none.
    :param strict: False for answers bent by a fault rule, which may lack members and hold unknown values.
    :raises TypeError: the answer does not fit the model.
    """
    return _Writer(timestamps, strict=strict).structure(shape, value, shape.name)


class _Writer:
    """Walks shape and answer together."""

    def __init__(self, timestamps: str, *, strict: bool) -> None:
        self._timestamps = timestamps
        self._strict = strict
        self._by_type: dict[str, Callable[[Any, Any, str], Any]] = {
            "structure": self.structure,
            "list": self.list,
            "map": self.map,
            "timestamp": self.timestamp,
            "blob": self.blob,
            "string": self.string,
        }

    def any(self, shape: Shape, value: Any, path: str) -> Any:
        if getattr(shape, "is_document_type", False):
            return value
        writer = self._by_type.get(shape.type_name)
        return value if writer is None else writer(shape, value, path)

    def list(self, shape: Any, value: Any, path: str) -> list[Any]:
        return [self.any(shape.member, item, f"{path}[]") for item in value]

    def map(self, shape: Any, value: Mapping[str, Any], path: str) -> dict[str, Any]:
        return {key: self.any(shape.value, item, f"{path}.{key}") for key, item in value.items()}

    @staticmethod
    def blob(_shape: Shape, value: bytes, _path: str) -> str:
        return base64.b64encode(value).decode()

    def structure(self, shape: StructureShape, value: Mapping[str, Any], path: str) -> dict[str, Any]:
        given = {name: item for name, item in value.items() if item is not None}
        if unknown := sorted(set(given) - set(shape.members)):
            raise TypeError(f"{path}: the model has no member {', '.join(unknown)}")
        if self._strict and (missing := sorted(set(shape.required_members) - set(given))):
            raise TypeError(f"{path}: required member {', '.join(missing)} is missing")
        return {
            shape.members[name].serialization.get("name", name): self.any(
                shape.members[name], item, f"{path}.{name}"
            )
            for name, item in given.items()
        }

    def string(self, shape: Shape, value: Any, path: str) -> str:
        if not isinstance(value, str):
            raise TypeError(f"{path}: {value!r} is no string")
        allowed = getattr(shape, "enum", None)
        if self._strict and allowed and value not in allowed:
            raise TypeError(f"{path}: {value!r} is none of {', '.join(allowed)}")
        return str(value)

    def timestamp(self, shape: Shape, value: datetime | float, _path: str) -> str | float:
        moment = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
        if shape.serialization.get("timestampFormat", self._timestamps) == "iso8601":
            return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return moment.timestamp()
