"""What values a field has: declared by a blueprint's schema, or seen in results. Pure.

A shape is a scalar (string, number, integer, boolean), an object of shapes or an array of one; ``unknown`` is that of a
field of which nothing but emptiness was seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from airflow_provider_bda.results import Field

_NOTHING: Mapping[str, Shape] = MappingProxyType({})
_SCALARS = ("string", "number", "integer", "boolean")
#: A definition may refer to itself.
_DEEPEST = 6


class Conflict(Exception):
    """Two shapes that no column can hold both."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The values of one field.

    :param kind: string, number, integer, boolean, object, array or unknown.
    :param members: of an object, by the result's own names, in order.
    :param item: of an array.
    """

    kind: str
    members: Mapping[str, Shape] = field(default_factory=lambda: _NOTHING)
    item: Shape | None = None

    def to_json(self) -> Any:
        """Answer plain JSON: ``"number"``, ``{"object": {...}}``, ``{"array": ...}``."""
        if self.kind == "object":
            return {"object": {name: member.to_json() for name, member in self.members.items()}}
        if self.kind == "array":
            return {"array": (self.item or UNKNOWN).to_json()}
        return self.kind

    @classmethod
    def from_json(cls, value: Any) -> Shape:
        """Read what :meth:`to_json` wrote."""
        if isinstance(value, Mapping) and "object" in value:
            return cls("object", {name: cls.from_json(member) for name, member in value["object"].items()})
        if isinstance(value, Mapping):
            return cls("array", item=cls.from_json(value["array"]))
        return cls(value)


UNKNOWN = Shape("unknown")


def shape_of_schema(schema: Mapping[str, Any]) -> Shape:
    """Read a blueprint's schema, ``$ref`` resolved."""
    definitions = {**_mapping(schema.get("$defs")), **_mapping(schema.get("definitions"))}
    return _declared({**schema, "type": "object"}, definitions, 0)


def shape_of_tree(tree: Any) -> Shape:
    """See the shape in an output's tree of fields; the evidence's own type counts where a value is empty."""
    if isinstance(tree, Field):
        seen = _seen(tree.value)
        return Shape(tree.type) if seen.kind == "unknown" and tree.type in _SCALARS else seen
    if isinstance(tree, Mapping):
        return Shape("object", {name: shape_of_tree(member) for name, member in tree.items()})
    item = UNKNOWN
    for entry in tree:
        item = either(item, shape_of_tree(entry))
    return Shape("array", item=item)


def merged(first: Shape, second: Shape) -> Shape:
    """Answer the shape that holds the values of both; members of objects are added to the first's.

    :raises Conflict: there is none.
    """
    if second.kind == "unknown" or first == second:
        return first
    if first.kind == "unknown":
        return second
    if {first.kind, second.kind} == {"integer", "number"}:
        return Shape("number")
    if first.kind != second.kind:
        raise Conflict
    if first.kind == "array":
        return Shape("array", item=merged(first.item or UNKNOWN, second.item or UNKNOWN))
    return Shape(
        "object",
        {
            **{
                name: merged(member, second.members.get(name, UNKNOWN))
                for name, member in first.members.items()
            },
            **{name: member for name, member in second.members.items() if name not in first.members},
        },
    )


def either(first: Shape, second: Shape) -> Shape:
    """Merge what was seen in results, where a field may hold a number here and words there: then it is text."""
    try:
        return merged(first, second)
    except Conflict:
        if first.kind == second.kind == "object":
            names = {**first.members, **second.members}
            return Shape(
                "object",
                {
                    name: either(first.members.get(name, UNKNOWN), second.members.get(name, UNKNOWN))
                    for name in names
                },
            )
        if first.kind == second.kind == "array":
            return Shape("array", item=either(first.item or UNKNOWN, second.item or UNKNOWN))
        return Shape("string")


def known(shape: Shape) -> Shape:
    """Leave out every member of which nothing is known."""
    if shape.kind == "array":
        item = known(shape.item or UNKNOWN)
        return UNKNOWN if item.kind == "unknown" else Shape("array", item=item)
    if shape.kind == "object":
        kept = {name: known(member) for name, member in shape.members.items()}
        kept = {name: member for name, member in kept.items() if member.kind != "unknown"}
        return Shape("object", kept) if kept else UNKNOWN
    return shape


def _declared(raw: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> Shape:
    reference = raw.get("$ref")
    if isinstance(reference, str):
        raw = {**_mapping(definitions.get(reference.rsplit("/", 1)[-1]))}
    kind = str(raw.get("type") or ("object" if "properties" in raw else "string")).lower()
    if depth > _DEEPEST:
        return Shape("string")
    if kind == "object":
        members = _mapping(raw.get("properties")).items()
        found = {name: _declared(_mapping(member), definitions, depth + 1) for name, member in members}
        return Shape("object", found)
    if kind == "array":
        return Shape("array", item=_declared(_mapping(raw.get("items")), definitions, depth + 1))
    return Shape(kind if kind in _SCALARS else "string")


def _seen(value: Any) -> Shape:
    if isinstance(value, bool):
        return Shape("boolean")
    if isinstance(value, int | float):
        return Shape("number")
    if isinstance(value, Mapping):
        return Shape("object", {str(name): _seen(member) for name, member in value.items()})
    if isinstance(value, list | tuple):
        item = UNKNOWN
        for entry in value:
            item = either(item, _seen(entry))
        return Shape("array", item=item)
    return Shape("string") if value not in (None, "") else UNKNOWN


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
