"""A blueprint's schema as the fields it asks for, `$ref` resolved.

The schema is a JSON schema of BDA's own dialect: fields with `type`, `inferenceType` and
`instruction`, objects and rows by reference into `definitions` (or `$defs`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEPTH = 4  # a definition may refer to itself


@dataclass(frozen=True, slots=True)
class FieldShape:
    """One field.

    :param path: its names from the top.
    :param type: string, number, integer, boolean, object or array.
    :param inferred: whether a model would have to think it up; such a field is never looked for.
    :param children: the fields of an object, or of the rows of an array.
    :param raw: the field as the schema has it.
    """

    path: tuple[str, ...]
    type: str
    inferred: bool
    children: tuple[FieldShape, ...]
    raw: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The last of its names."""
        return self.path[-1]

    def leaves(self) -> Iterator[FieldShape]:
        """Answer itself, or the leaves of an object; an array counts as a leaf."""
        if self.type == "object":
            for child in self.children:
                yield from child.leaves()
        else:
            yield self


def fields_of(schema: Mapping[str, Any] | None) -> tuple[FieldShape, ...]:
    """Read the fields of a blueprint; none when there is no schema."""
    if schema is None:
        return ()
    definitions = {**_mapping(schema.get("$defs")), **_mapping(schema.get("definitions"))}
    return _children((), schema, definitions, 0)


def _children(
    path: tuple[str, ...], schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int
) -> tuple[FieldShape, ...]:
    if depth >= _DEPTH:
        return ()
    return tuple(
        _field((*path, name), _mapping(raw), definitions, depth)
        for name, raw in _mapping(schema.get("properties")).items()
    )


def _field(
    path: tuple[str, ...], raw: Mapping[str, Any], definitions: Mapping[str, Any], depth: int
) -> FieldShape:
    target = _resolve(raw, definitions)
    kind = str(target.get("type") or raw.get("type") or "string").lower()
    # Row fields start a path of their own: they repeat.
    inner, start = (
        (_resolve(_mapping(target.get("items")), definitions), ()) if kind == "array" else (target, path)
    )
    return FieldShape(
        path=path,
        type=kind,
        inferred=str(raw.get("inferenceType", "")).lower() == "inferred",
        children=_children(start, inner, definitions, depth + 1) if kind in {"array", "object"} else (),
        raw=raw,
    )


def _resolve(raw: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = raw.get("$ref")
    if not isinstance(reference, str):
        return raw
    return _mapping(definitions.get(reference.rsplit("/", 1)[-1]))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
