"""From outputs to the tables of a dataset: read once, agree on columns, write files, swap.

Memory depends on neither documents nor rows: outputs pass through a spool on disk, and rows through batches of 2,000.
"""

from __future__ import annotations

import logging
import tempfile
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch._files import delete
from airflow_provider_bda.exceptions import BdaError, BdaInputError
from airflow_provider_bda.tables import store
from airflow_provider_bda.tables.arrow import pyarrow, write_files
from airflow_provider_bda.tables.cells import (
    Misfits,
    cell,
    column_name,
    flat_shape,
    flat_values,
    named_cells,
)
from airflow_provider_bda.tables.schema import FORMAT, Change, Column, TableSchema
from airflow_provider_bda.tables.shapes import Shape
from airflow_provider_bda.tables.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from airflow_provider_bda.batch.rows import Row
    from airflow_provider_bda.tables.read import Outputs
    from airflow_provider_bda.tables.spool import Table

_log = logging.getLogger(__name__)
#: Of changes in an answer; ``_schema.json`` has every column.
_TOLD = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a dataset is written; the arguments of the operator.

    :param nested: "struct" or "explode".
    :param confidence: whether each field has a column of its confidence.
    :param extra: the manifest's further columns that are kept: name -> string, number, integer or boolean.
    :param on_schema_change: "evolve" or "fail".
    :param rows_per_file: rows of one file at most.
    :param put: arguments for every object written.
    """

    nested: str = "struct"
    confidence: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)
    on_schema_change: str = "evolve"
    rows_per_file: int = 500_000
    put: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Target:
    """A table to be written: the rows of a spooled one, or of the entries of one of its lists.

    :param path: the list; None for the rows themselves.
    :param shapes: by origin, the fields of a row.
    """

    name: str
    source: Table
    path: str | None
    shapes: list[Shape]
    schema: TableSchema | None = None
    changes: list[Change] = field(default_factory=list)
    misfits: Misfits = field(default_factory=Misfits)
    rows: int = 0


def write_dataset(
    s3: Any,
    dataset_s3_uri: str,
    *,
    batch_id: str,
    date: str,
    documents: Iterable[Row],
    outputs: Outputs,
    declared: Callable[[str, str | None], Shape | None],
    options: Options,
) -> dict[str, Any]:
    """Write the rows of a batch in the place of those it had before; answer what was written.

    :param s3: a client that may read and write the dataset.
    :param batch_id: whose rows they are.
    :param date: the partition, ``YYYY-MM-DD``.
    :param outputs: reads what a document's job left.
    :param declared: answers the fields of a blueprint's version.
    :raises BdaInputError: pyarrow is missing, the dataset was begun with other options, or its columns would change and must
        not; nothing was written.
    :raises BdaError: S3 refuses something, outputs cannot be read, or another writer was faster; what was there stays, and a
        retry does it again.
    """
    pyarrow()
    dataset = store.Dataset(dataset_s3_uri.rstrip("/"))
    before, etag = store.read_commit(s3, dataset, batch_id)
    with Spool(declared, confidence=options.confidence, extra=options.extra) as spool:
        for row, body in outputs.of(documents):
            spool.add(row, body)
        _log.info("read: %s outputs, %s tables", f"{outputs.read:,}", len(spool.tables))
        targets = _targets(spool, options)
        for target in targets:
            _agree(s3, dataset, target, options)
        commit: dict[str, Any] = {
            "format": FORMAT,
            "batch_id": batch_id,
            "date": date,
            "attempt": uuid.uuid4().hex[:12],
            "written_at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
            "tables": {target.name: {"rows": 0, "files": []} for target in targets},
        }
        try:
            for target in targets:
                _write_table(s3, dataset, target, commit, options)
            replaced = store.replaced_by(s3, dataset, commit, before)
            commit["replaces"] = list(replaced)
        except BaseException:
            _take_back(s3, commit)
            raise
    # An error here may be a lost answer to a swap that happened: the files stay, and the next writer knows.
    if not store.swap_commit(s3, dataset, commit, etag, **options.put):
        _take_back(s3, commit)
        raise _overtaken(dataset, batch_id)
    newest = store.settle(s3, dataset, commit, before, **options.put)
    gone = [uri for uris in replaced.values() for uri in uris]
    delete(s3, gone)
    if not newest:
        raise _overtaken(dataset, batch_id)
    _log.info("swapped: %s files in, %s out", len(store.files_of(commit)), len(gone))
    return {
        "dataset_s3_uri": dataset.uri,
        "batch_id": batch_id,
        "date": date,
        "commit_s3_uri": dataset.commit(batch_id),
        "documents": outputs.read,
        "unreadable": outputs.unreadable,
        "segments_without_output": spool.without_output,
        "rows": sum(table.rows for table in spool.tables.values()),
        "tables": {target.name: _told(dataset, target, commit) for target in targets},
    }


def _overtaken(dataset: store.Dataset, batch_id: str) -> BdaError:
    return BdaError(
        f"another writer has replaced {dataset.commit(batch_id)} meanwhile: two tasks write the same batch's rows. Nothing of "
        "this one's is seen; a retry writes them anew"
    )


def _targets(spool: Spool, options: Options) -> list[_Target]:
    found: dict[str, _Target] = {}
    for table in spool.tables.values():
        shapes = [origin.shape for origin in table.origins]
        if options.nested == "struct":
            _add(found, _Target(table.name, table, None, shapes))
            continue
        flat = [flat_shape(shape) for shape in shapes]
        _add(found, _Target(table.name, table, None, [members for members, _ in flat]))
        for path in dict.fromkeys(path for _, tables in flat for path in tables):
            entries = [tables.get(path, Shape("object")) for _, tables in flat]
            _add(found, _Target(f"{table.name}__{column_name(path)}", table, path, entries))
    return list(found.values())


def _add(found: dict[str, _Target], target: _Target) -> None:
    if target.name in found:
        raise BdaInputError(
            f"two tables would be called {target.name!r}: rename the blueprint or the field. Nothing was written"
        )
    found[target.name] = target


def _agree(s3: Any, dataset: store.Dataset, target: _Target, options: Options) -> None:
    def evolve(before: TableSchema | None) -> TableSchema:
        schema = before or TableSchema(options.nested, options.confidence, target.path is not None)
        if (schema.nested, schema.confidence) != (options.nested, options.confidence):
            raise BdaInputError(
                f"{dataset.schema(target.name)}: the dataset was begun with nested={schema.nested!r} and "
                f"confidence={schema.confidence}; go on with these, or write another dataset. Nothing was written"
            )
        target.changes = [
            change
            for origin, shape in zip(target.source.origins, target.shapes, strict=True)
            for change in schema.evolve(shape, origin.name)
        ]
        target.changes += schema.add_extra(options.extra)
        new = sorted({change.column for change in target.changes if change.what != "missing"})
        if before is not None and new and options.on_schema_change == "fail":
            raise BdaInputError(
                f'{dataset.schema(target.name)}: columns would change ({", ".join(new)}), and on_schema_change="fail". '
                'Look at the blueprint, or pass on_schema_change="evolve". Nothing was written'
            )
        if before is None:
            target.changes = [change for change in target.changes if change.what != "added"]
        return schema

    target.schema = store.agree_on_columns(s3, dataset, target.name, evolve, **options.put)
    for change in target.changes[:_TOLD]:
        _log.warning(
            "%s: %s %s: column %s (%s)",
            target.name,
            change.field,
            change.what,
            change.column,
            change.blueprint,
        )


def _write_table(
    s3: Any, dataset: store.Dataset, target: _Target, commit: dict[str, Any], options: Options
) -> None:
    assert target.schema is not None  # noqa: S101 - agreed on before
    prefix = dataset.partition(target.name, commit["date"], commit["batch_id"])
    told = commit["tables"][target.name]
    with tempfile.TemporaryDirectory(prefix="bda-tables-") as folder:
        files = write_files(_rows(target, target.schema), target.schema, Path(folder), options.rows_per_file)
        for number, (path, rows) in enumerate(files):
            uri = f"{prefix}{commit['attempt']}-{number:05d}.parquet"
            # Before the upload: one that fails half-way is taken back too.
            file = {"s3_uri": uri, "bytes": path.stat().st_size, "rows": rows}
            told["files"].append(file)
            store.upload(s3, path, uri, **options.put)
            told["rows"] += rows
    target.rows = told["rows"]
    _log.info("%s: %s rows in %s files", target.name, f"{told['rows']:,}", len(told["files"]))


def _rows(target: _Target, schema: TableSchema) -> Iterator[dict[str, Any]]:
    columns = [
        [(name, schema.column_of(name, shape)) for name, shape in of.members.items()] for of in target.shapes
    ]
    extras = [column for column in schema.columns if column.extra]
    for keys, origin, values, confidences, extra in target.source.read():
        shared = {
            **keys,
            "processed_at": _moment(keys["processed_at"]),
            **{
                column.name: cell(extra.get(column.field), column.shape, target.misfits, column.field)
                for column in extras
            },
        }
        whole = target.source.origins[origin].shape
        for line, fields, sure in _lines(target, schema.nested, whole, values, confidences):
            row = dict(shared) if line is None else {**shared, "line": line}
            for name, column in columns[origin]:
                if column is not None:
                    row.update(_cells(column, fields.get(name), sure.get(name), target.misfits, schema))
            yield row


def _cells(
    column: Column, value: Any, confidence: Any, misfits: Misfits, schema: TableSchema
) -> dict[str, Any]:
    return named_cells(
        column.name, value, confidence, column.shape, misfits, column.field, sure=schema.confidence
    )


def _lines(
    target: _Target, nested: str, whole: Shape, values: Any, confidences: Any
) -> Iterator[tuple[int | None, Mapping[str, Any], Mapping[str, Any]]]:
    """Answer a row's fields and confidences; of a list's table, those of each entry with its number."""
    if nested == "struct":
        yield None, values, confidences or {}
        return
    members, tables = flat_values(values, whole)
    sure, proofs = flat_values(confidences, whole)
    if target.path is None:
        yield None, members, sure
        return
    found = proofs.get(target.path, [])
    for line, entry in enumerate(tables.get(target.path, [])):
        yield line, entry, found[line] if line < len(found) else {}


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _take_back(s3: Any, commit: Mapping[str, Any]) -> None:
    """Delete what was written and is seen by no commit; what cannot be is swept by the next writer."""
    try:
        delete(s3, store.files_of(commit))
    except (BdaError, FileNotFoundError) as error:
        _log.warning("files of this try are left, and deleted by the next: %s", error)


def _told(dataset: store.Dataset, target: _Target, commit: Mapping[str, Any]) -> dict[str, Any]:
    told = commit["tables"][target.name]
    return {
        "rows": told["rows"],
        "files": len(told["files"]),
        "data_s3_uri": f"{dataset.uri}/{target.name}/data/",
        "manifest_s3_uri": dataset.manifest(target.name, commit["batch_id"]),
        "changes": [change.to_json() for change in target.changes[:_TOLD]],
        "misfits": dict(sorted(target.misfits.counts.items())),
        "inferred": [origin.name for origin in target.source.origins if origin.declared is None],
    }
