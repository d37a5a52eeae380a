"""A table's rows as Parquet files on this machine's disk; the only module that needs pyarrow (extra ``parquet``)."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.tables.cells import CONFIDENCE, has_confidence, member_names
from airflow_provider_bda.tables.shapes import UNKNOWN, Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from airflow_provider_bda.tables.schema import TableSchema

#: Rows turned into Arrow's form at once, and in one row group of a file.
_BATCH = 2_000
_ROW_GROUP = 50_000


def pyarrow() -> Any:
    """Import pyarrow.

    :raises BdaInputError: it is not installed.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise BdaInputError(
            'Parquet needs pyarrow: pip install "airflow-provider-bda[parquet]". Nothing was written'
        ) from error
    return pa


def arrow_schema(schema: TableSchema) -> Any:
    """Answer a table's schema in Arrow's types.

    Times are UTC without saying so: Redshift's COPY takes no others out of Parquet.
    """
    pa = pyarrow()
    fields = [pa.field(name, _scalar(pa, kind)) for name, kind in schema.keys]
    for column in schema.columns:
        sure = schema.confidence and not column.extra
        fields += _fields(pa, column.name, column.shape, sure=sure)
    return pa.schema(fields)


def write_files(
    rows: Iterable[Mapping[str, Any]], schema: TableSchema, folder: Path, rows_per_file: int
) -> Iterator[tuple[Path, int]]:
    """Write rows to Parquet files, one after another; answer each file and its rows as soon as it is whole.

    Where there are no rows there is one file without any, so that a reader meets a table and not an error.
    """
    pa = pyarrow()
    wanted = arrow_schema(schema)
    waiting = iter(rows)
    number = 0
    while (first := next(waiting, None)) is not None or number == 0:
        path = folder / f"{number:05d}.parquet"
        here = islice(chain([first], waiting), rows_per_file) if first is not None else iter(())
        yield path, _write_file(pa, here, wanted, path)
        path.unlink(missing_ok=True)
        number += 1


def _write_file(pa: Any, rows: Iterator[Mapping[str, Any]], schema: Any, path: Path) -> int:
    count = 0
    with pa.parquet.ParquetWriter(path, schema, compression="snappy", version="2.6") as writer:
        while chunk := list(islice(rows, _BATCH)):
            batch = pa.RecordBatch.from_pylist(chunk, schema=schema)
            # Batches gather in a row group, encoded, until it has its rows.
            writer.write_batch(batch, row_group_size=_ROW_GROUP)
            count += len(chunk)
    return count


def _fields(pa: Any, name: str, shape: Shape, *, sure: bool) -> list[Any]:
    fields = [pa.field(name, _type(pa, shape, sure=sure))]
    if sure and has_confidence(shape):
        kind = pa.list_(pa.float64()) if shape.kind == "array" else pa.float64()
        fields.append(pa.field(name + CONFIDENCE, kind))
    return fields


def _type(pa: Any, shape: Shape, *, sure: bool) -> Any:
    if shape.kind == "array":
        return pa.list_(pa.field("element", _type(pa, shape.item or UNKNOWN, sure=sure)))
    if shape.kind == "object":
        members = [
            field
            for name, column in member_names(tuple(shape.members)).items()
            for field in _fields(pa, column, shape.members[name], sure=sure)
        ]
        return pa.struct(members)
    return _scalar(pa, shape.kind)


def _scalar(pa: Any, kind: str) -> Any:
    return {
        "string": pa.string,
        "number": pa.float64,
        "integer": pa.int64,
        "boolean": pa.bool_,
        "timestamp": lambda: pa.timestamp("us"),
    }[kind]()
