"""The rows of a dataset on this machine's disk, between reading and writing: only when all are read, the columns are known.

The files have no name anybody else could open, and are gone with the process.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_bda.tables.cells import column_name, confidences_of, values_of
from airflow_provider_bda.tables.shapes import UNKNOWN, Shape, either, known, shape_of_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType
    from typing import IO

    from airflow_provider_bda.batch.bodies import Body
    from airflow_provider_bda.batch.rows import Row
    from airflow_provider_bda.results import CustomChapter, CustomOutput

_EMPTY = Shape("object")


@dataclass(slots=True)
class Origin:
    """One version of a blueprint.

    :param name: ``arn:version``.
    :param declared: what its schema says; None where that may not be read (AWS's own): then results tell.
    """

    name: str
    declared: Shape | None
    seen: Shape = UNKNOWN

    @property
    def shape(self) -> Shape:
        """The fields there are."""
        found = known(self.declared or self.seen)
        return found if found.kind == "object" else _EMPTY


@dataclass(slots=True)
class Table:
    """The rows of one blueprint's name.

    :param origins: the versions that made them.
    """

    name: str
    file: IO[str]
    origins: list[Origin] = field(default_factory=list)
    index: dict[tuple[str, str | None], int] = field(default_factory=dict)
    rows: int = 0

    def read(self) -> Iterator[tuple[dict[str, Any], int, Any, Any, dict[str, Any]]]:
        """Answer each row: its keys, the number of its origin, values, confidences, and the manifest's further columns."""
        self.file.seek(0)
        for line in self.file:
            yield tuple(json.loads(line))


class Spool:
    """Takes outputs in; answers them as tables.

    :param declared: answers the shape of a blueprint's version by (ARN, version); None if it may not be read.
    :param confidence: whether to keep confidences.
    :param extra: names of the manifest's columns to keep.
    """

    def __init__(
        self,
        declared: Callable[[str, str | None], Shape | None],
        *,
        confidence: bool = False,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self._declared = declared
        self._confidence = confidence
        self._extra = tuple(extra or ())
        self._stack = ExitStack()
        self.tables: dict[str, Table] = {}
        #: Segments that no blueprint has made anything of.
        self.without_output = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, row: Row, body: Body) -> None:
        """Take in a document's segments; of a video each chapter is a row."""
        extra = {name: row.extra.get(name) for name in self._extra}
        for number, (_, output) in enumerate(body.segments):
            if output is None or output.matched_blueprint is None:
                self.without_output += 1
                continue
            table, origin = self._place(output)
            parts: list[tuple[int | None, CustomOutput | CustomChapter]] = [(None, output)]
            if output.chapters:
                parts = [
                    (chapter.chapter_index if chapter.chapter_index is not None else at, chapter)
                    for at, chapter in enumerate(output.chapters)
                ]
            for chapter, part in parts:
                self._write(table, origin, _keys(row, number, chapter, output), part.tree, extra)

    def _place(self, output: CustomOutput) -> tuple[Table, int]:
        blueprint = output.matched_blueprint
        assert blueprint is not None  # noqa: S101 - asked before
        arn, version = blueprint.arn or "", blueprint.version
        name = column_name(blueprint.name or arn.rsplit("/", 1)[-1])
        table = self.tables.get(name)
        if table is None:
            table = Table(name, tempfile.TemporaryFile("w+", encoding="ascii"))  # noqa: SIM115 - closed with the spool
            self.tables[name] = table
            self._stack.callback(table.file.close)
        key = (arn, version)
        if key not in table.index:
            table.index[key] = len(table.origins)
            full = ":".join(part for part in key if part)
            table.origins.append(Origin(full, self._declared(arn, version)))
        return table, table.index[key]

    def _write(
        self, table: Table, origin: int, keys: dict[str, Any], tree: Any, extra: dict[str, Any]
    ) -> None:
        about = table.origins[origin]
        if about.declared is None:
            about.seen = either(about.seen, shape_of_tree(tree))
        confidences = confidences_of(tree) if self._confidence else None
        json.dump((keys, origin, values_of(tree), confidences, extra), table.file, separators=(",", ":"))
        table.file.write("\n")
        table.rows += 1


def _keys(row: Row, segment: int, chapter: int | None, output: CustomOutput) -> dict[str, Any]:
    blueprint = output.matched_blueprint
    return {
        "document_id": row.document_id,
        "segment": segment,
        "chapter": chapter,
        "invocation_arn": row.invocation_arn,
        "blueprint_arn": blueprint.arn if blueprint else None,
        "blueprint_version": blueprint.version if blueprint else None,
        "processed_at": row.completed_at,
        "generation": row.generation,
        "input_s3_uri": row.input_s3_uri,
    }
