"""Reads a request by its shape and says everything that is wrong with it, as the services do.

botocore's own validator knows required, types and ``min`` only, so length, pattern and enum are checked
here. Patterns are the model's and need ``regex``: some use Unicode classes that ``re`` does not know.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import regex
from botocore.utils import parse_timestamp

from airflow_provider_bda.emulator.messages import invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import Shape, StructureShape

_NUMBERS = {"integer": int, "long": int, "float": float, "double": float}


@cache
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern)


def read(shape: StructureShape, value: Mapping[str, Any]) -> dict[str, Any]:
    """Turn decoded JSON into parameters.

    :param shape: the operation's input shape.
    :param value: the members as they came, in wire form.
    :raises ServiceError: ValidationException naming everything that is wrong.
    """
    reader = _Reader()
    parameters = reader.structure(shape, value, "")
    if reader.wrong:
        count = len(reader.wrong)
        noun = "error" if count == 1 else "errors"
        raise invalid(f"{count} validation {noun} detected: {'; '.join(reader.wrong)}")
    return parameters


class _Reader:
    """Walks shape and value together and collects complaints."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self._by_type: dict[str, Callable[[Any, Any, str], Any]] = {
            "structure": self.structure,
            "list": self.list,
            "map": self.map,
            "boolean": self.boolean,
            "timestamp": self.timestamp,
            "blob": self.blob,
            **dict.fromkeys(_NUMBERS, self.number),
        }

    def fail(self, path: str, value: Any, constraint: str) -> None:
        shown = repr(value) if not isinstance(value, str) else f"'{value}'"
        self.wrong.append(f"Value {shown[:200]} at '{path}' failed to satisfy constraint: {constraint}")

    def any(self, shape: Shape, value: Any, path: str) -> Any:
        """Read one value of any type."""
        if getattr(shape, "is_document_type", False):
            return value
        return self._by_type.get(shape.type_name, self.string)(shape, value, path)

    def structure(self, shape: StructureShape, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.fail(path, value, "Member must be a structure")
            return {}
        # An unknown member is ignored, as the services do with newer clients.
        given = {name: value[name] for name in shape.members if value.get(name) is not None}
        for name in shape.required_members:
            if name not in given:
                self.fail(_join(path, name), None, "Member must not be null")
        if getattr(shape, "is_tagged_union", False) and len(given) != 1:
            self.fail(path, sorted(given), f"Exactly one member of {sorted(shape.members)} must be set")
        return {name: self.any(shape.members[name], item, _join(path, name)) for name, item in given.items()}

    def list(self, shape: Any, value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            self.fail(path, value, "Member must be a list")
            return []
        self.length(shape, value, path)
        return [self.any(shape.member, item, f"{path}.{i}.member") for i, item in enumerate(value, 1)]

    def map(self, shape: Any, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.fail(path, value, "Member must be a map")
            return {}
        self.length(shape, value, path)
        for key in value:
            self.string(shape.key, key, f"{path}.key")
        return {key: self.any(shape.value, item, f"{path}.{key}.member") for key, item in value.items()}

    def boolean(self, _shape: Shape, value: Any, path: str) -> Any:
        if not isinstance(value, bool):
            self.fail(path, value, "Member must be true or false")
        return value

    def number(self, shape: Shape, value: Any, path: str) -> Any:
        kind = _NUMBERS[shape.type_name]
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else int):
            self.fail(path, value, f"Member must be a number ({shape.type_name})")
            return value
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if low is not None and value < low:
            self.fail(path, value, f"Member must have value greater than or equal to {low}")
        if high is not None and value > high:
            self.fail(path, value, f"Member must have value less than or equal to {high}")
        return value

    def string(self, shape: Shape, value: Any, path: str) -> Any:
        if not isinstance(value, str):
            self.fail(path, value, "Member must be a string")
            return value
        self.length(shape, value, path)
        pattern = shape.metadata.get("pattern")
        if pattern and not _compiled(pattern).fullmatch(value):
            self.fail(path, value, f"Member must satisfy regular expression pattern: {pattern}")
        allowed = getattr(shape, "enum", None)
        if allowed and value not in allowed:
            self.fail(path, value, f"Member must satisfy enum value set: [{', '.join(allowed)}]")
        return value

    def length(self, shape: Shape, value: Any, path: str) -> None:
        low, high = shape.metadata.get("min"), shape.metadata.get("max")
        if low is not None and len(value) < low:
            self.fail(path, value, f"Member must have length greater than or equal to {low}")
        if high is not None and len(value) > high:
            self.fail(path, value, f"Member must have length less than or equal to {high}")

    def blob(self, shape: Shape, value: Any, path: str) -> bytes:
        try:
            raw = base64.b64decode(value, validate=True)
        except (TypeError, ValueError, binascii.Error):
            self.fail(path, "<blob>", "Member must be base64 text")
            return b""
        self.length(shape, raw, path)
        return raw

    def timestamp(self, _shape: Shape, value: Any, path: str) -> Any:
        try:
            found: datetime = parse_timestamp(value)
        except (TypeError, ValueError, OverflowError):
            self.fail(path, value, "Member must be a timestamp")
            return value
        return found if found.tzinfo else found.replace(tzinfo=UTC)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
