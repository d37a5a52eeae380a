"""The work of a blueprint optimization: measure, reword instructions, measure again.

As much a stand-in as the extraction it improves: for a field that came out wrong it looks up which label of
the sample stands by the true value and quotes that label in the field's instruction. The metrics are measured
on the samples, before and after, with the emulator's own extraction.
"""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.services.analysing import Rejected, Task
from airflow_provider_bda.emulator.services.arns import S3Uri, s3_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_bda.emulator.analysis import Blueprint
    from airflow_provider_bda.emulator.runner import Job
    from airflow_provider_bda.emulator.services.analysing import Analyst
    from airflow_provider_bda.emulator.world import World

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Sample:
    uri: str
    source: S3Uri
    body: bytes
    truth: Mapping[str, Any]


class Optimizer:
    """One optimization.

    :param blueprint: as it was when the job was submitted.
    """

    def __init__(self, world: World, analyst: Analyst, job: Job, blueprint: Blueprint) -> None:
        self._world = world
        self._analyst = analyst
        self._job = job
        self._blueprint = blueprint

    def run(self) -> bytes:
        """Answer the result file.

        :raises Rejected: a sample cannot be read.
        """
        samples = [self._sample(row) for row in self._job.request["samples"]]
        schema = dict(self._blueprint.schema or {})
        before = self._measured("before", schema, samples)
        better = self._reworded(schema, samples, before)
        after = self._measured("after", better, samples)
        return json.dumps(
            {"evaluationComparison": {"before": before, "after": after}}, ensure_ascii=False
        ).encode()

    def _sample(self, row: Mapping[str, Any]) -> _Sample:
        uri = row["assetS3Object"]["s3Uri"]
        truth_uri = row["groundTruthS3Object"]["s3Uri"]
        body = self._analyst.read(self._job.region, s3_uri(uri))
        try:
            truth = json.loads(self._analyst.read(self._job.region, s3_uri(truth_uri)))
        except ValueError as error:
            raise Rejected("ValidationException", f"The ground truth {truth_uri} is no JSON.") from error
        if not isinstance(truth, dict):
            raise Rejected("ValidationException", f"The ground truth {truth_uri} is no JSON object.")
        # A custom output corrected by hand serves as ground truth too.
        return _Sample(uri, s3_uri(uri), body, truth.get("inference_result", truth))

    def _measured(self, when: str, schema: Mapping[str, Any], samples: list[_Sample]) -> dict[str, Any]:
        rows = [_compared(sample, *self._extracted(schema, sample)) for sample in samples]
        metrics = {
            name: round(fmean(row["metrics"][name] for row in rows), 4)
            for name in ("confidence", "exactMatch", "f1")
        }
        forced = self._world.settings.optimization_metrics.get(when, {})
        return {
            "blueprintSchema": json.dumps(schema, ensure_ascii=False),
            "aggregateMetrics": {**metrics, **forced},
            "optimizationSampleResults": rows,
        }

    def _extracted(self, schema: Mapping[str, Any], sample: _Sample) -> tuple[dict[Path, Any], float]:
        """Extract a sample with a schema; its values by path, and their mean confidence."""
        task = Task(
            account=self._job.account,
            region=self._job.region,
            project=None,
            blueprints=(replace(self._blueprint, schema=schema),),
            fallback=None,
        )
        analysis = self._analyst.analyse(task, sample.body, sample.source, self._job.id, "samples", "sample")
        found = json.loads(analysis.files.get("sample/0/custom_output/0/result.json", b"{}"))
        sure = list(_confidences(found.get("explainability_info", [])))
        return dict(_leaves(found.get("inference_result", {}))), fmean(sure) if sure else 0.0

    def _reworded(
        self, schema: Mapping[str, Any], samples: list[_Sample], before: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Quote, in the instruction of each field that came out wrong, the labels its true values have."""
        better = deepcopy(dict(schema))
        fields = better.get("properties", {})
        for sample, row in zip(samples, before["optimizationSampleResults"], strict=True):
            wrong = [name for name in fields if name in row["wrongFields"] and name in sample.truth]
            labels = self._labels(sample) if wrong else []
            for name in wrong:
                quoted = {words for words, value in labels if _same(value, sample.truth[name])}
                for words in sorted(quoted):
                    instruction = str(fields[name].get("instruction", "")).rstrip()
                    if f'"{words}"' not in instruction:
                        fields[name]["instruction"] = f'{instruction} It may be labelled "{words}".'.lstrip()
        return better

    def _labels(self, sample: _Sample) -> list[tuple[str, str]]:
        """List a sample's labels, each with a value that stands by it."""
        from airflow_provider_bda.emulator.analysis import AnalysisRejected, AnalysisRequest  # noqa: PLC0415 - heavy
        from airflow_provider_bda.emulator.analysis.candidates import labels_in  # noqa: PLC0415
        from airflow_provider_bda.emulator.analysis.read import read  # noqa: PLC0415

        request = AnalysisRequest(
            body=sample.body,
            bucket=sample.source.bucket,
            key=sample.source.key,
            job_id=self._job.id,
            output_bucket="samples",
            output_prefix="sample",
        )
        try:
            document = read(request)
        except AnalysisRejected:
            return []
        return [
            (" ".join(label.words), value.text)
            for label in labels_in(document)
            for value in label.values
            if label.words
        ]


def _compared(sample: _Sample, found: Mapping[Path, Any], confidence: float) -> dict[str, Any]:
    """Hold what was found in one sample against its ground truth."""
    truth = dict(_leaves(sample.truth))
    right = [path for path, value in truth.items() if _same(found.get(path), value)]
    overlap = [_f1(found.get(path), value) for path, value in truth.items()]
    return {
        "assetS3Uri": sample.uri,
        "metrics": {
            "confidence": round(confidence, 4),
            "exactMatch": round(len(right) / len(truth), 4) if truth else 1.0,
            "f1": round(fmean(overlap), 4) if overlap else 1.0,
        },
        "wrongFields": sorted({str(path[0]) for path in truth if path not in right}),
    }


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Walk to every plain value; a field that is empty counts as not there."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from _leaves(child, (*path, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _leaves(child, (*path, index))
    elif value not in (None, ""):
        yield path, value


def _confidences(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        if isinstance(value.get("confidence"), int | float):
            yield float(value["confidence"])
        for child in value.values():
            yield from _confidences(child)
    elif isinstance(value, list):
        for child in value:
            yield from _confidences(child)


def _same(left: Any, right: Any) -> bool:
    """Compare two values as a person would: case, spaces and signs of money and thousands do not count."""
    return left is not None and right is not None and _plain(left) == _plain(right)


def _plain(value: Any) -> str:
    text = " ".join(str(value).split()).casefold()
    number = text.replace(",", "").lstrip("$€£ ")
    try:
        return f"{float(number):g}"
    except ValueError:
        return text


def _f1(found: Any, truth: Any) -> float:
    """Answer the F1 score of the words of one value."""
    if found is None:
        return 0.0
    if _same(found, truth):
        return 1.0
    left, right = Counter(_plain(found).split()), Counter(_plain(truth).split())
    common = (left & right).total()
    return 2 * common / (left.total() + right.total()) if common else 0.0
