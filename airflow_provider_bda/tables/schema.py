"""The columns of one table, as they grow with the blueprints that fill it. Pure.

Columns are only ever added. A field that comes back with another type, which the column cannot hold, gets a column of its
own (``total__v2``): nothing is lost, and what was written stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.tables.cells import CONFIDENCE, column_name
from airflow_provider_bda.tables.shapes import Conflict, Shape, known, merged

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Of the files that say what columns a table has.
FORMAT = 1
#: The columns that say which row it is; of a nested table also ``line``, counted from 0.
KEYS: tuple[tuple[str, str], ...] = (
    ("document_id", "string"),
    ("segment", "integer"),
    ("chapter", "integer"),
    ("invocation_arn", "string"),
    ("blueprint_arn", "string"),
    ("blueprint_version", "string"),
    ("processed_at", "timestamp"),
    ("generation", "integer"),
    ("input_s3_uri", "string"),
)
LINE = ("line", "integer")


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    :param name: in the files.
    :param field: whose values it has: the field's path in the output; of an ``extra`` column, its own name.
    :param shape: what they are.
    :param extra: whether it comes from the batch's manifest.
    """

    name: str
    field: str
    shape: Shape
    extra: bool = False

    def to_json(self) -> dict[str, Any]:
        """Answer plain JSON."""
        return {"name": self.name, "field": self.field, "type": self.shape.to_json(), "extra": self.extra}


@dataclass(frozen=True, slots=True)
class Change:
    """What a blueprint has changed of a table.

    :param what: "added", "widened" (an integer became a number, or an object got a member), "type_changed" or "missing" (the
        table has it, the blueprint has not).
    :param field: the field.
    :param column: the column its values are in.
    :param blueprint: whose doing it is, ``arn:version``.
    """

    what: str
    field: str
    column: str
    blueprint: str

    def to_json(self) -> dict[str, str]:
        """Answer plain JSON."""
        return {"what": self.what, "field": self.field, "column": self.column, "blueprint": self.blueprint}


@dataclass(slots=True)
class TableSchema:
    """The columns of one table but its keys.

    :param nested: "struct" or "explode".
    :param confidence: whether it has columns of confidences.
    :param is_child: whether it holds the entries of a list, and so has ``line``.
    """

    nested: str
    confidence: bool
    is_child: bool = False
    columns: list[Column] = field(default_factory=list)

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """Names and types of the key columns."""
        return (*KEYS, LINE) if self.is_child else KEYS

    def evolve(self, shape: Shape, blueprint: str) -> list[Change]:
        """Make room for the fields of a blueprint; answer what that changed.

        :param shape: an object.
        :param blueprint: how the change calls it.
        """
        changes = [
            Change("missing", column.field, column.name, blueprint)
            for column in self.columns
            if column.field not in shape.members and not column.extra
        ]
        for name, member in shape.members.items():
            if (found := known(member)).kind != "unknown":
                changes += self._make_room(name, found, blueprint)
        return changes

    def add_extra(self, names: Mapping[str, str]) -> list[Change]:
        """Make room for columns of the manifest: name -> type."""
        changes = []
        for name, kind in names.items():
            changes += self._make_room(name, Shape(kind), "extra", extra=True)
        return changes

    def column_of(self, name: str, shape: Shape, *, extra: bool = False) -> Column | None:
        """Answer the column that holds a field's values of a shape; None if nothing is known of them."""
        for column in self._of(name, extra=extra):
            try:
                merged(column.shape, shape)
            except Conflict:
                continue
            return column
        return None

    def to_json(self) -> dict[str, Any]:
        """Answer plain JSON."""
        return {
            "format": FORMAT,
            "nested": self.nested,
            "confidence": self.confidence,
            "keys": [{"name": name, "type": kind} for name, kind in self.keys],
            "columns": [column.to_json() for column in self.columns],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TableSchema:
        """Read what :meth:`to_json` wrote.

        :raises ValueError: a newer release has written it, or it is something else.
        """
        try:
            if value["format"] > FORMAT:
                raise ValueError(
                    f"a newer release of airflow-provider-bda has written it (format {value['format']})"
                )
            columns = [
                Column(item["name"], item["field"], Shape.from_json(item["type"]), item["extra"])
                for item in value["columns"]
            ]
            is_child = any(key["name"] == LINE[0] for key in value["keys"])
            return cls(value["nested"], value["confidence"], is_child, columns)
        except (KeyError, TypeError) as error:
            raise ValueError("it does not say what columns a table has") from error

    def _make_room(self, name: str, shape: Shape, blueprint: str, *, extra: bool = False) -> list[Change]:
        there = self._of(name, extra=extra)
        for column in there:
            try:
                wide = merged(column.shape, shape)
            except Conflict:
                continue
            if wide == column.shape:
                return []
            self.columns[self.columns.index(column)] = Column(column.name, name, wide, extra)
            return [Change("widened", name, column.name, blueprint)]
        column = Column(self._free_name(name, len(there)), name, shape, extra)
        self.columns.append(column)
        return [Change("type_changed" if there else "added", name, column.name, blueprint)]

    def _of(self, name: str, *, extra: bool) -> list[Column]:
        """Answer the columns of a field, the newest first."""
        return [column for column in reversed(self.columns) if column.field == name and column.extra == extra]

    def _free_name(self, name: str, versions: int) -> str:
        taken = (
            {key for key, _ in (*KEYS, LINE)}
            | {"date", "batch_id"}
            | {column.name for column in self.columns}
        )
        taken |= {column.name + CONFIDENCE for column in self.columns}
        slug = column_name(name)
        if not versions and slug in taken:
            slug = f"field__{slug}"
        wanted, number = slug, versions
        while versions or wanted in taken:
            number += 1
            wanted = f"{slug}__v{number}"
            if wanted not in taken:
                break
        return wanted
