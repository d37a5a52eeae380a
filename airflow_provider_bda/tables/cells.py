"""Values of an output as a table holds them: typed by a shape, nested or flat. Pure.

The service writes an empty string where it found nothing, whatever the field's type: that is null here. A value that
does not fit its type is null too and is counted, never guessed at: it stays in the job's own output.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from airflow_provider_bda.results import Field
from airflow_provider_bda.results.plain import integer, number
from airflow_provider_bda.tables.shapes import UNKNOWN, Shape

#: What follows a field's name in the name of the column of its confidence.
CONFIDENCE = "__confidence"
_INT64 = 2**63
_NO_NAME = re.compile(r"[^0-9a-z_]+")


@dataclass(slots=True)
class Misfits:
    """Counts values that did not fit, by field."""

    counts: Counter[str] = field(default_factory=Counter)


def column_name(name: str) -> str:
    """Answer a field's name as engines take it unquoted: lower case, digits and underscores."""
    slug = _NO_NAME.sub("_", name.lower().replace(".", "__")).strip("_") or "field"
    return f"_{slug}" if slug[0].isdigit() else slug


@lru_cache(maxsize=1_024)
def member_names(names: tuple[str, ...]) -> Mapping[str, str]:
    """Answer the column name of each member of an object; of two that would be one, the later gets a number."""
    given: dict[str, str] = {}
    for name in names:
        wanted = slug = column_name(name)
        count = 1
        while slug in given.values():
            count += 1
            slug = f"{wanted}_{count}"
        given[name] = slug
    return MappingProxyType(given)


def values_of(tree: Any) -> Any:
    """Answer the values alone of a tree of fields."""
    if isinstance(tree, Field):
        return tree.value
    if isinstance(tree, Mapping):
        return {name: values_of(member) for name, member in tree.items()}
    return [values_of(entry) for entry in tree]


def confidences_of(tree: Any) -> Any:
    """Answer the confidences alone, in the same shape."""
    if isinstance(tree, Field):
        return tree.confidence
    if isinstance(tree, Mapping):
        return {name: confidences_of(member) for name, member in tree.items()}
    return [confidences_of(entry) for entry in tree]


def cell(value: Any, shape: Shape, misfits: Misfits, path: str) -> Any:
    """Answer a value as its column holds it; None where there is none or it does not fit."""
    if value is None or value == "":
        return None
    made = _MAKERS[shape.kind](value, shape, misfits, path)
    if made is None:
        misfits.counts[path] += 1
    return made


def confidence_cell(value: Any, confidence: Any, shape: Shape) -> Any:
    """Answer the confidences of a scalar, or of an array of scalars; those of objects lie within them."""
    if shape.kind == "array":
        entries = value if isinstance(value, list) else []
        found = confidence if isinstance(confidence, list) else []
        return [_number(found[at]) if at < len(found) else None for at in range(len(entries))]
    return _number(confidence)


def has_confidence(shape: Shape) -> bool:
    """Tell whether a column of this shape has one of confidences beside it."""
    inner = shape.item or UNKNOWN if shape.kind == "array" else shape
    return inner.kind not in {"object", "array", "unknown"}


def object_cell(
    value: Mapping[str, Any],
    shape: Shape,
    misfits: Misfits,
    path: str,
    confidence: Any = None,
    *,
    sure: bool = False,
) -> dict[str, Any]:
    """Answer an object's members by their column names.

    :param confidence: the confidences, in the value's shape.
    :param sure: whether confidences are wanted.
    """
    made: dict[str, Any] = {}
    proof = confidence if isinstance(confidence, Mapping) else {}
    for name, column in member_names(tuple(shape.members)).items():
        member = shape.members[name]
        made.update(
            named_cells(
                column, value.get(name), proof.get(name), member, misfits, f"{path}.{name}", sure=sure
            )
        )
    return made


def named_cells(
    column: str, value: Any, confidence: Any, shape: Shape, misfits: Misfits, path: str, *, sure: bool
) -> dict[str, Any]:
    """Answer a column's value and, if wanted, its confidence, by column name."""
    if not sure:
        return {column: cell(value, shape, misfits, path)}
    if shape.kind == "object" and isinstance(value, Mapping):
        return {column: object_cell(value, shape, misfits, path, confidence, sure=True)}
    item = shape.item or UNKNOWN
    if shape.kind == "array" and item.kind == "object" and isinstance(value, list):
        proofs = confidence if isinstance(confidence, list) else []
        return {
            column: [
                object_cell(
                    entry, item, misfits, f"{path}[]", proofs[at] if at < len(proofs) else None, sure=True
                )
                if isinstance(entry, Mapping)
                else cell(entry, item, misfits, f"{path}[]")
                for at, entry in enumerate(value)
            ]
        }
    made = {column: cell(value, shape, misfits, path)}
    if has_confidence(shape):
        made[column + CONFIDENCE] = confidence_cell(value, confidence, shape)
    return made


def flat_shape(shape: Shape) -> tuple[Shape, dict[str, Shape]]:
    """Answer an object's shape without objects in it, and by path the shape of the entries of each of its arrays."""
    members: dict[str, Shape] = {}
    tables: dict[str, Shape] = {}
    for name, member in shape.members.items():
        if member.kind == "object":
            inner, more = flat_shape(member)
            members |= {f"{name}.{path}": value for path, value in inner.members.items()}
            tables |= {f"{name}.{path}": value for path, value in more.items()}
        elif member.kind == "array":
            tables[name] = _entry_shape(member.item or UNKNOWN)
        else:
            members[name] = member
    return Shape("object", members), tables


def flat_values(value: Any, shape: Shape) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Answer the same of values, or of confidences: by path the scalars, and by path the entries of each array."""
    members: dict[str, Any] = {}
    tables: dict[str, list[dict[str, Any]]] = {}
    given = value if isinstance(value, Mapping) else {}
    for name, member in shape.members.items():
        found = given.get(name)
        if member.kind == "object":
            inner, more = flat_values(found, member)
            members |= {f"{name}.{path}": each for path, each in inner.items()}
            tables |= {f"{name}.{path}": each for path, each in more.items()}
        elif member.kind == "array":
            entries = found if isinstance(found, list) else []
            tables[name] = [_entry(entry, member.item or UNKNOWN) for entry in entries]
        else:
            members[name] = found
    return members, tables


def _entry_shape(item: Shape) -> Shape:
    if item.kind != "object":
        return Shape("object", {"value": item})
    # An array within an entry stays one: a table of a table of a table helps nobody.
    members: dict[str, Shape] = {}
    for name, member in item.members.items():
        inner = _entry_shape(member).members if member.kind == "object" else None
        members |= (
            {name: member} if inner is None else {f"{name}.{path}": each for path, each in inner.items()}
        )
    return Shape("object", members)


def _entry(value: Any, item: Shape) -> dict[str, Any]:
    if item.kind != "object":
        return {"value": value}
    made: dict[str, Any] = {}
    given = value if isinstance(value, Mapping) else {}
    for name, member in item.members.items():
        if member.kind == "object":
            made |= {f"{name}.{path}": each for path, each in _entry(given.get(name), member).items()}
        else:
            made[name] = given.get(name)
    return made


def _string(value: Any, *_: Any) -> str:
    if isinstance(value, str):
        # What JSON can escape and UTF-8 cannot hold must not lose the row.
        return value.encode("utf-8", "replace").decode()
    return json.dumps(value, ensure_ascii=False)


def _number(value: Any, *_: Any) -> float | None:
    return number(value)


def _integer(value: Any, *_: Any) -> int | None:
    found = value if type(value) is int else integer(value)
    return found if found is not None and -_INT64 <= found < _INT64 else None


def _boolean(value: Any, *_: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.strip().lower()) if isinstance(value, str) else None


def _object(value: Any, shape: Shape, misfits: Misfits, path: str) -> dict[str, Any] | None:
    return object_cell(value, shape, misfits, path) if isinstance(value, Mapping) else None


def _array(value: Any, shape: Shape, misfits: Misfits, path: str) -> list[Any] | None:
    if not isinstance(value, list | tuple):
        return None
    return [cell(entry, shape.item or UNKNOWN, misfits, f"{path}[]") for entry in value]


_MAKERS: dict[str, Callable[[Any, Shape, Misfits, str], Any]] = {
    "string": _string,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "object": _object,
    "array": _array,
}
