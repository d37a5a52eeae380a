"""Reading JSON that may hold anything: every look-up answers the type asked for, or nothing.

BDA leaves parts out depending on the project's settings and adds parts over time, so a reader that
trusts a shape breaks in production. Nothing here raises but :class:`ResultsError`, and its words
name a place, never a value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from airflow_provider_bda.results.errors import ResultsError

_V = TypeVar("_V", bound="View")


def parse_object(body: bytes | str, what: str) -> dict[str, Any]:
    """Parse a JSON object.

    :param body: the file's content.
    :param what: how the error calls it.
    :raises ResultsError: when it is not JSON or not an object.
    """
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        # `from None`: a decode error quotes the document it failed on.
        raise ResultsError(f"{what} is not JSON") from None
    if not isinstance(parsed, dict):
        raise ResultsError(f"{what} is a JSON {type(parsed).__name__}, not an object")
    return parsed


def plain(value: Any) -> Any:
    """Copy into plain JSON values: dicts with string keys, lists, scalars.

    :raises ResultsError: when it is nested too deeply to be copied.
    """
    try:
        return _plain(value)
    except RecursionError:
        raise ResultsError("the result is nested too deeply") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return str(value)


def at(value: Any, *path: str) -> Any:
    """Follow keys through nested objects; None where one is missing."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def mapping(value: Any, *path: str) -> Mapping[str, Any]:
    """Answer the object there, or an empty one."""
    found = at(value, *path)
    return found if isinstance(found, Mapping) else {}


def items(value: Any, *path: str) -> Sequence[Any]:
    """Answer the list there, or an empty one. A lone object counts as a list of one.

    The service's own page shows `locations` both as a list and as an object.
    """
    found = at(value, *path)
    if isinstance(found, (list, tuple)):
        return found
    return (found,) if isinstance(found, Mapping) else ()


def objects(value: Any, *path: str) -> list[Mapping[str, Any]]:
    """Answer the objects in the list there, dropping what is none."""
    return [item for item in items(value, *path) if isinstance(item, Mapping)]


def text(value: Any, *path: str) -> str | None:
    """Answer the string there."""
    found = at(value, *path)
    return found if isinstance(found, str) else None


def texts(value: Any, *path: str) -> tuple[str, ...]:
    """Answer the strings in the list there."""
    return tuple(item for item in items(value, *path) if isinstance(item, str))


def number(value: Any, *path: str) -> float | None:
    """Answer the finite number there; a number written as text counts."""
    found = at(value, *path)
    if isinstance(found, bool) or not isinstance(found, (int, float, str)):
        return None
    try:
        as_float = float(found)
    except (ValueError, OverflowError):
        return None
    return as_float if math.isfinite(as_float) else None


def integer(value: Any, *path: str) -> int | None:
    """Answer the whole number there; asset ids come as `0` and as `"0"`."""
    found = number(value, *path)
    return int(found) if found is not None and found.is_integer() else None


def integers(value: Any, *path: str) -> tuple[int, ...]:
    """Answer the whole numbers in the list there."""
    found = (integer(item) for item in items(value, *path))
    return tuple(item for item in found if item is not None)


def boolean(value: Any, *path: str) -> bool | None:
    """Answer the truth value there."""
    found = at(value, *path)
    return found if isinstance(found, bool) else None


@dataclass(frozen=True)
class View:
    """A typed look at a JSON object; the object itself stays at hand as ``raw``.

    The raw object is kept out of ``repr`` so that a log line holds no document.
    """

    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Look at a parsed object.

        :raises ResultsError: when it is not an object.
        """
        if not isinstance(raw, Mapping):
            raise ResultsError(f"{cls.__name__} needs a JSON object, got {type(raw).__name__}")
        return cls(raw)

    @classmethod
    def from_json(cls, body: bytes | str) -> Self:
        """Parse a file.

        :raises ResultsError: when it is not a JSON object of this kind.
        """
        return cls.from_dict(parse_object(body, f"the file read as {cls.__name__}"))

    def to_dict(self) -> dict[str, Any]:
        """Copy the object as plain JSON, with everything the service wrote."""
        copied: dict[str, Any] = plain(self.raw)
        return copied


def views(of: type[_V], value: Any, *path: str) -> tuple[_V, ...]:
    """Answer a view of each object in the list there."""
    return tuple(of(item) for item in objects(value, *path))
