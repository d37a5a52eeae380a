"""What OpenLineage is told of a task: which S3 URIs it reads and writes, which job that was, and how it ended.

OpenLineage's provider asks an operator by methods of fixed names, from a fork that must not ask Airflow anything: so each
operator notes what it learns while it runs. Nothing of OpenLineage is imported before.
"""

from __future__ import annotations

from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda.aws import split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_bda.jobs.kind import JobKind

#: Datasets in one event; a list of thousands of documents is told by its first ones.
MOST_DATASETS = 100
#: What stands for the whole of a dict: where a batch or a job's output lies, or the file it was about.
_WHOLE = ("batch_s3_uri", "output_s3_uri", "input_s3_uri")
#: Attributes that say by what the service is asked to work.
_ASKED = ("project", "project_stage", "blueprints", "model_id")
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Lineage:
    """Mixed into every operator and sensor; OpenLineage's provider finds its three methods by their names."""

    #: Attributes that hold S3 URIs the task reads, or something that holds some: a source, a job's facts, a list.
    lineage_inputs: ClassVar[tuple[str, ...]] = ()
    #: The same for what it writes; looked up among what was noted (and so returned), too.
    lineage_outputs: ClassVar[tuple[str, ...]] = ()
    #: Which of the returned counts is the number of rows of the last output.
    lineage_rows: ClassVar[str] = ""
    #: Made anew by each note, never shared between operators.
    _lineage_noted: Mapping[str, Any] = _NOTHING

    def lineage_note(self, facts: Any) -> None:
        """Keep what the events at the end should say; later notes win, and what is None or no dict says nothing."""
        if isinstance(facts, dict):
            known = {name: value for name, value in facts.items() if value is not None}
            self._lineage_noted = {**self._lineage_noted, **known}

    def get_openlineage_facets_on_start(self) -> Any:
        """Answer OpenLineage's ``OperatorLineage`` of what is known before the task has run."""
        return self._openlineage()

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002 - OpenLineage's signature
        """Answer it of a task that has succeeded."""
        return self._openlineage()

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> Any:  # noqa: ARG002 - OpenLineage's signature
        """Answer it of a task that has failed; OpenLineage adds the error's message itself."""
        return self._openlineage()

    def _openlineage(self) -> Any:
        # Only here, where OpenLineage's provider asks, it is sure to be installed.
        from airflow.providers.openlineage.extractors import OperatorLineage  # noqa: PLC0415
        from openlineage.client.facet_v2 import (  # noqa: PLC0415
            external_query_run,
            output_statistics_output_dataset,
        )

        from airflow_provider_bda.openlineage import BdaJobFacet, InputDataset, OutputDataset, run_facet  # noqa: PLC0415

        noted = dict(self._lineage_noted)
        outputs = [OutputDataset(*name) for name in self._datasets(self.lineage_outputs, noted)]
        if outputs and (rows := noted.get(self.lineage_rows)) is not None:
            statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows)
            outputs[-1] = OutputDataset(
                outputs[-1].namespace, outputs[-1].name, outputFacets={"outputStatistics": statistics}
            )
        kind: JobKind | None = getattr(self, "job", None)
        run_facets: dict[str, Any] = {}
        if facet := run_facet(noted):
            run_facets["bda_run"] = facet
        if kind is not None and (handle := noted.get("handle")):
            run_facets["externalQuery"] = external_query_run.ExternalQueryRunFacet(
                externalQueryId=kind.describe_handle(handle), source=kind.service
            )
        asked: dict[str, Any] = {name: getattr(self, name, None) for name in _ASKED}
        return OperatorLineage(
            inputs=[InputDataset(*name) for name in self._datasets(self.lineage_inputs, _NOTHING)],
            outputs=outputs,
            run_facets=run_facets,
            job_facets={"bda_job": BdaJobFacet(kind=kind.name if kind else None, **asked)},
        )

    def _datasets(self, names: Sequence[str], noted: Mapping[str, Any]) -> list[tuple[str, str]]:
        holders = [getattr(self, name, None) for name in names] + [noted.get(name) for name in names]
        found = (_dataset(uri) for holder in holders for uri in s3_uris(holder))
        return list(islice(dict.fromkeys(found), MOST_DATASETS))


def s3_uris(value: Any) -> Iterator[str]:
    """Yield the S3 URIs that a value names: of a dict the one that stands for it, else all that are in it."""
    if isinstance(value, str):
        if value.startswith("s3://"):
            yield value
    elif isinstance(value, dict):
        whole = next((value[name] for name in _WHOLE if isinstance(value.get(name), str)), None)
        yield from s3_uris(whole or list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from s3_uris(part)
    elif value is not None:
        yield from s3_uris(getattr(value, "uri", None))


def _dataset(uri: str) -> tuple[str, str]:
    """Answer namespace and name, as OpenLineage spells them for S3."""
    bucket, key = split_s3_uri(uri)
    return f"s3://{bucket}", key.rstrip("/") or "/"
