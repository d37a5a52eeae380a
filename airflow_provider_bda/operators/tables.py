"""From extracted documents to tables: Parquet datasets on S3."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import check_choice, check_each, check_s3_uri, is_rendered
from airflow_provider_bda.aws import tagging
from airflow_provider_bda.batch._files import s3_of
from airflow_provider_bda.batch.layout import BatchLayout, batch_id_of
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.operators._aws import BdaAwsOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["BdaResultsToParquetOperator"]

_EXTRA_TYPES = ("string", "number", "integer", "boolean")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class BdaResultsToParquetOperator(BdaAwsOperator):
    """Write custom outputs as Parquet tables on S3: one table a blueprint, one row a segment.

    Columns and their types come from the blueprint's schema. A batch's rows replace those it wrote before, whole, so that a
    retry, a clear or a second run doubles nothing. Needs the extra ``parquet``. Reads and writes S3 and asks for schemas
    (GetBlueprint); buys nothing.

    Also takes the arguments of :class:`~airflow_provider_bda.operators._aws.BdaAwsOperator`.

    :param results: (templated) whose outputs: a ``BdaBatchOperator``'s ``output`` or its ``batch_s3_uri``; a
        ``BdaInvokeOperator``'s ``output``, its ``output_s3_uri`` or ``invocation_arn``; or a list of such jobs, as a mapped
        operator answers it.
    :param dataset_s3_uri: (templated) the prefix of the dataset; each table is a folder in it.
    :param nested: "struct" keeps lists and objects as columns of lists and structs; "explode" makes flat tables: a list's
        entries are rows of a table of their own (``{table}__{list}``, numbered by ``line``), an object's members columns.
    :param confidence: whether each field also has a column ``{field}__confidence``.
    :param extra: columns of the batch's manifest to keep: names, or a dict name -> "string", "number", "integer" or "boolean".
    :param view: "auto" reads the redacted output where the job wrote one, "redacted" only that, "full" the original.
    :param partition_date: (templated) the partition's date, ``YYYY-MM-DD``; None is the Dag run's logical date, or the day
        it was due.
    :param on_schema_change: where a blueprint has other fields than the table: "evolve" adds columns and reports it, "fail"
        fails before anything is written.
    :param tolerated_unreadable: outputs that may be missing or damaged; they are counted.
    :param rows_per_file: rows of one file at most.
    :param output_tags: S3 object tags of the files written.
    :param s3_conn_id: (templated) the Airflow connection for results and dataset; None is ``aws_conn_id``.
    :returns: ``dataset_s3_uri, batch_id, date, commit_s3_uri, documents, unreadable, segments_without_output, rows, tables``;
        of each table ``rows, files, data_s3_uri, manifest_s3_uri, changes, misfits, inferred``.
    :raises BdaInputError: an argument cannot work, or the columns would change and must not; nothing was written. No retry.
    :raises BdaError: S3 refuses something, outputs cannot be read, or another task wrote the same rows; what was there
        stays, and a retry does it again.
    """

    template_fields: Sequence[str] = (
        "results",
        "dataset_s3_uri",
        "partition_date",
        "s3_conn_id",
        *BdaAwsOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"results": "json"}
    ui_color = "#d5e2ee"
    lineage_inputs = ("results",)
    lineage_outputs = ("dataset_s3_uri",)
    lineage_rows = "rows"

    def __init__(
        self,
        *,
        results: Any,
        dataset_s3_uri: str,
        nested: str = "struct",
        confidence: bool = False,
        extra: Sequence[str] | Mapping[str, str] = (),
        view: str = "auto",
        partition_date: str | None = None,
        on_schema_change: str = "evolve",
        tolerated_unreadable: int = 0,
        rows_per_file: int = 500_000,
        output_tags: dict[str, str] | None = None,
        s3_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.results = results
        self.dataset_s3_uri = dataset_s3_uri
        self.nested = nested
        self.confidence = confidence
        self.extra = _extra(extra)
        self.view: Any = view
        self.partition_date = partition_date
        self.on_schema_change = on_schema_change
        self.tolerated_unreadable = tolerated_unreadable
        self.rows_per_file = rows_per_file
        self.output_tags = output_tags
        self.s3_conn_id = s3_conn_id
        for name, least in (("tolerated_unreadable", 0), ("rows_per_file", 1)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise BdaInputError(f"{name}: {value!r} is no whole number from {least}")
        self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        check_each(
            {
                "dataset_s3_uri": (self.dataset_s3_uri, check_s3_uri),
                "nested": (self.nested, lambda name, value: check_choice(name, value, "struct", "explode")),
                "view": (
                    self.view,
                    lambda name, value: check_choice(name, value, "auto", "redacted", "full"),
                ),
                "partition_date": (self.partition_date, _check_date),
                "on_schema_change": (
                    self.on_schema_change,
                    lambda name, value: check_choice(name, value, "evolve", "fail"),
                ),
            },
            everything=everything,
        )

    def execute(self, context: Any) -> dict[str, Any]:
        """Read the outputs, write the tables, swap."""
        self._check(everything=True)
        from airflow_provider_bda.tables.blueprints import BlueprintShapes  # noqa: PLC0415 - not when a Dag is parsed
        from airflow_provider_bda.tables.read import Outputs, from_s3  # noqa: PLC0415
        from airflow_provider_bda.tables.source import batch_uri_of, documents_of  # noqa: PLC0415
        from airflow_provider_bda.tables.write import Options, write_dataset  # noqa: PLC0415

        target = self.target
        s3_target = self.target_of(self.s3_conn_id or self.aws_conn_id)
        s3 = s3_of(BdaBaseHook.for_target(s3_target))
        batch_s3_uri = batch_uri_of(self.results)
        report = self._written(
            write_dataset,
            s3,
            batch_id=BatchLayout(batch_s3_uri).batch_id if batch_s3_uri else _own_id(context["ti"]),
            date=self.partition_date or _date_of(context),
            documents=documents_of(self.results, target, s3_target),
            outputs=Outputs(from_s3(s3, self.view), self.tolerated_unreadable),
            declared=BlueprintShapes(target),
            options=Options(
                nested=self.nested,
                confidence=self.confidence,
                extra=self.extra,
                on_schema_change=self.on_schema_change,
                rows_per_file=self.rows_per_file,
                put=tagging(self.output_tags),
            ),
        )
        for name, table in report["tables"].items():
            self.log.info("%s: %s rows; COPY by %s", name, f"{table['rows']:,}", table["manifest_s3_uri"])
            for field, count in table["misfits"].items():
                self.log.warning("%s: %s values of %s do not fit its type and are null", name, count, field)
        self.lineage_note(report)
        return report

    def _written(self, write: Callable[..., dict[str, Any]], s3: Any, **arguments: Any) -> dict[str, Any]:
        try:
            return write(s3, self.dataset_s3_uri, **arguments)
        except FileNotFoundError as error:
            raise BdaInputError(f"there is no bucket for {error}; nothing was written") from error


def _own_id(ti: Any) -> str:
    """Answer the id of the rows of jobs: this task instance's, for a clear gives the jobs new ids."""
    return batch_id_of(ti.dag_id, ti.run_id, ti.task_id, ti.map_index if ti.map_index is not None else -1)


def _date_of(context: Any) -> str:
    run = context["dag_run"]
    when = run.logical_date or run.run_after
    return str(when.astimezone(UTC).date().isoformat())


def _extra(extra: Any) -> dict[str, str]:
    if isinstance(extra, str):
        raise BdaInputError(f"extra: {extra!r} is one name; write a list of them")
    named = dict(extra) if hasattr(extra, "items") else dict.fromkeys(extra, "string")
    for name, kind in named.items():
        if not isinstance(name, str) or not name:
            raise BdaInputError(f"extra: {name!r} is no name of a column")
        check_choice(f"extra[{name!r}]", kind, *_EXTRA_TYPES)
    return named


def _check_date(name: str, value: Any) -> None:
    if is_rendered(value) and not (isinstance(value, str) and _DATE.fullmatch(value)):
        raise BdaInputError(f"{name}: {value!r} is no date as 2026-01-31")
