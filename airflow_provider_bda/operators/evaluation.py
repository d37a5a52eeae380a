"""The gate before a blueprint goes LIVE: how good results are, and whether they became worse."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import check_choice, check_each, check_s3_uri
from airflow_provider_bda.batch._files import objects_under, put_bytes, read_json, s3_of
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.evaluation import (
    Rule,
    Scores,
    drift_markdown,
    drift_of,
    scores_markdown,
)
from airflow_provider_bda.evaluation.score import METRICS, compared
from airflow_provider_bda.evaluation.truth import read_truth
from airflow_provider_bda.exceptions import BdaGateError, BdaInputError
from airflow_provider_bda.hooks._objects import read_object
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.operators._aws import BdaAwsOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_bda.aws import AwsTarget
    from airflow_provider_bda.evaluation.truth import Truth

__all__ = ["BdaEvaluateOperator"]

REPORT = "evaluation.json"
_PAGE = "evaluation.md"
#: Fields that the answer names; the report has all.
_MOST = 100


class BdaEvaluateOperator(BdaAwsOperator):
    """Hold results against ground truth and against another run; fail where they are not good enough.

    Without ``ground_truth`` it compares what two batches' summaries say (drift): how often blueprints matched and fields were
    filled, and how surely. Writes ``evaluation.json`` and ``evaluation.md``, then gives its verdict. Reads and writes S3 only.

    Also takes the arguments of :class:`~airflow_provider_bda.operators._aws.BdaAwsOperator`.

    :param candidate: (templated) what is judged: a ``BdaBatchOperator``'s ``output`` or its ``batch_s3_uri``; with ground truth
        also a job or a list of jobs, as ``BdaInvokeOperator`` answers them.
    :param report_s3_uri: (templated) the prefix of the report.
    :param ground_truth: (templated) a list of dicts, the URI of a JSON-lines file, or a prefix ending in "/" (such as
        ``BdaApplyCorrectionsOperator`` writes): of each document ``input_s3_uri`` or ``document_id``, and ``fields`` or
        ``ground_truth_s3_uri``; ``segment`` if it is not 0. Only fields that the truth names count.
    :param baseline: (templated) what it is compared with: the like of ``candidate``, or the ``evaluation.json`` of an earlier
        report; without ground truth a batch.
    :param rules: how fields are compared: path -> :func:`~airflow_provider_bda.evaluation.exact`, ``number(tolerance)``,
        ``date()`` or ``fuzzy(least)``; in paths ``[]`` is any entry of a list. The others: numbers as numbers, else to the
        letter.
    :param metric: what the gate goes by: "f1", "precision", "recall" or "accuracy".
    :param min_score: the candidate's overall metric must reach this (0 to 1); None asks nothing.
    :param max_regression: how much worse than the baseline it may be overall; None asks nothing.
    :param max_field_regression: the same for every single field.
    :param max_drift: without ground truth: how far any figure may be from the baseline's; None only reports.
    :param view: "auto" reads the redacted output where the job wrote one, "redacted" only that, "full" the original.
    :param s3_conn_id: (templated) the Airflow connection for results, truth and report; None is ``aws_conn_id``.
    :returns: ``report_s3_uri, markdown_s3_uri, passed, objections, metric``, and with ground truth ``score, documents, absent,
        fields, change``, else ``drifted``.
    :raises BdaInputError: an argument cannot work, or there is nothing to compare. No retry.
    :raises BdaGateError: it is not good enough; the report says where. No retry.
    :raises BdaError: S3 refuses something; a retry does the same again.
    """

    template_fields: Sequence[str] = (
        "candidate",
        "report_s3_uri",
        "ground_truth",
        "baseline",
        "s3_conn_id",
        *BdaAwsOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"candidate": "json", "baseline": "json"}
    ui_color = "#dcd3ea"
    lineage_inputs = ("candidate", "baseline", "ground_truth")
    lineage_outputs = ("report_s3_uri",)

    def __init__(
        self,
        *,
        candidate: Any,
        report_s3_uri: str,
        ground_truth: Any = None,
        baseline: Any = None,
        rules: Mapping[str, Rule] | None = None,
        metric: str = "f1",
        min_score: float | None = None,
        max_regression: float | None = 0.02,
        max_field_regression: float | None = None,
        max_drift: float | None = None,
        view: str = "auto",
        s3_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.candidate = candidate
        self.report_s3_uri = report_s3_uri
        self.ground_truth = ground_truth
        self.baseline = baseline
        self.rules = dict(rules or {})
        self.metric = metric
        self.min_score = min_score
        self.max_regression = max_regression
        self.max_field_regression = max_field_regression
        self.max_drift = max_drift
        self.view: Any = view
        self.s3_conn_id = s3_conn_id
        for name in ("min_score", "max_regression", "max_field_regression", "max_drift"):
            _check_share(name, getattr(self, name))
        for path, rule in self.rules.items():
            if not isinstance(rule, Rule):
                raise BdaInputError(
                    f"rules[{path!r}]: {rule!r} is no rule; write exact(), number(), date() or fuzzy() of airflow_provider_bda.evaluation"
                )
        if ground_truth is None and baseline is None:
            raise BdaInputError("ground_truth: without it there must be a baseline to compare with")
        if ground_truth is None and (min_score is not None or max_field_regression is not None):
            raise BdaInputError("min_score, max_field_regression: they need ground_truth=")
        if ground_truth is not None and max_drift is not None:
            raise BdaInputError("max_drift: it is for two batches without ground_truth")
        check_choice("metric", metric, *METRICS)
        check_choice("view", view, "auto", "redacted", "full")
        check_each({"report_s3_uri": (report_s3_uri, check_s3_uri)}, everything=False)

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Compare, write the report, judge."""
        check_each({"report_s3_uri": (self.report_s3_uri, check_s3_uri)}, everything=True)
        s3_target = self.target_of(self.s3_conn_id or self.aws_conn_id)
        hook = BdaBaseHook.for_target(s3_target)
        s3 = s3_of(hook)
        try:
            if self.ground_truth is None:
                report, told = self._drift(s3)
                page = drift_markdown(report)
            else:
                report, told = self._scores(s3, hook, s3_target)
                page = scores_markdown(report)
            root = self.report_s3_uri.rstrip("/")
            report_body = json.dumps(report, indent=1).encode()
            put_bytes(s3, f"{root}/{REPORT}", report_body, ContentType="application/json")
            put_bytes(s3, f"{root}/{_PAGE}", page.encode(), ContentType="text/markdown")
        except FileNotFoundError as error:
            raise BdaInputError(f"there is no {error}, or no bucket for it") from error
        self.log.info("%s", page)
        if report["objections"]:
            raise BdaGateError(
                f"not good enough: {'; '.join(report['objections'])}. The report lies in {root}/{_PAGE}. The same results would say "
                "the same, so there is no retry"
            )
        return {
            "report_s3_uri": f"{root}/{REPORT}",
            "markdown_s3_uri": f"{root}/{_PAGE}",
            "passed": True,
            "objections": [],
            "metric": self.metric,
            **told,
        }

    # --- with ground truth --------------------------------------------------------------------------

    def _scores(
        self, s3: Any, hook: BdaBaseHook, s3_target: AwsTarget
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        truth = read_truth(
            self.ground_truth,
            lambda uri: read_object(hook, uri),
            lambda prefix: (uri for uri, _ in objects_under(s3, prefix)),
        )
        candidate = self._score("candidate", self.candidate, truth, s3, s3_target)
        report: dict[str, Any] = {
            **self._head(),
            "candidate": candidate.to_json(),
            "mistakes": candidate.mistakes,
        }
        if self.baseline is not None:
            report["baseline"] = self._baseline(truth, s3, s3_target)
            report["change"] = compared(report["candidate"], report["baseline"], self.metric)
        report["objections"] = self._objections(report)
        of = report["candidate"]
        told = {
            "score": of["overall"],
            "documents": of["documents"],
            "absent": of["absent"],
            "fields": {name: of["fields"][name][self.metric] for name in list(of["fields"])[:_MOST]},
            "change": report.get("change", {}).get("overall"),
        }
        return report, told

    def _baseline(self, truth: Sequence[Truth], s3: Any, s3_target: AwsTarget) -> dict[str, Any]:
        if isinstance(self.baseline, str) and self.baseline.endswith(f"/{REPORT}"):
            kept = read_json(s3, self.baseline)
            if kept is None or "candidate" not in kept:
                raise BdaInputError(f"baseline: {self.baseline} is no report with scores")
            earlier: dict[str, Any] = kept["candidate"]
            return earlier
        return self._score("baseline", self.baseline, truth, s3, s3_target).to_json()

    def _score(
        self, name: str, results: Any, truth: Sequence[Truth], s3: Any, s3_target: AwsTarget
    ) -> Scores:
        from airflow_provider_bda.tables.read import Outputs, from_s3  # noqa: PLC0415 - not when a Dag is parsed
        from airflow_provider_bda.tables.source import documents_of  # noqa: PLC0415

        wanted = {item.document for item in truth}
        rows = (
            row
            for row in documents_of(results, self.target, s3_target, name)
            if row.document_id in wanted or row.input_s3_uri in wanted
        )
        found: dict[str, tuple[Any, ...]] = {}
        # One that cannot be read has no result: it counts against the candidate, and stops nothing.
        for row, body in Outputs(from_s3(s3, self.view), tolerated=len(truth)).of(rows):
            found[row.document_id] = found[row.input_s3_uri] = body.segments
        scores = Scores(self.rules)
        for item in truth:
            segments = found.get(item.document, ())
            output = segments[item.segment][1] if item.segment < len(segments) else None
            values = None if output is None else output.inference_result
            scores.add(item.document, item.segment, values, item.fields)
        if scores.absent == scores.documents:
            raise BdaInputError(
                f"{name}: it has a result of none of the {len(truth)} documents with ground truth; do input_s3_uri or document_id "
                "name the same documents?"
            )
        return scores

    def _objections(self, report: Mapping[str, Any]) -> list[str]:
        found = []
        score = report["candidate"]["overall"][self.metric]
        if self.min_score is not None and (score is None or score < self.min_score):
            found.append(f"{self.metric} is {_said(score)}, wanted are {self.min_score}")
        change = report.get("change")
        if change is None:
            return found
        if self.max_regression is not None:
            by = change["overall"]
            if by is None or by < -self.max_regression:
                found.append(f"{self.metric} changed by {_said(by)}, allowed are -{self.max_regression}")
        if self.max_field_regression is not None:
            found += [
                f"{self.metric} of {name} changed by {_said(by)}, allowed are -{self.max_field_regression}"
                for name, by in change["fields"].items()
                if by is not None and by < -self.max_field_regression
            ]
            found += self._lost(report)
        return found

    def _lost(self, report: Mapping[str, Any]) -> list[str]:
        """Answer the fields that had a measure and have none: what is never found has no precision, and is no better for it."""
        before = report["baseline"]["fields"]
        return [
            f"{self.metric} of {name} is not known, the baseline's is {_said(before[name][self.metric])}"
            for name, of in report["candidate"]["fields"].items()
            if of["missing"] and of[self.metric] is None and before.get(name, {}).get(self.metric) is not None
        ]

    # --- without ------------------------------------------------------------------------------------

    def _drift(self, s3: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        most = 1.0 if self.max_drift is None else self.max_drift
        drift = drift_of(self._summary("candidate", s3), self._summary("baseline", s3), most)
        objections = [
            f"{name} is further than {most} from the baseline's" for name in drift["drifted"][:_MOST]
        ]
        report = {**self._head(), "drift": drift, "objections": objections}
        return report, {"drifted": drift["drifted"][:_MOST]}

    def _summary(self, name: str, s3: Any) -> dict[str, Any]:
        from airflow_provider_bda.tables.source import batch_uri_of  # noqa: PLC0415

        uri = batch_uri_of(getattr(self, name), name)
        if uri is None:
            raise BdaInputError(f"{name}: without ground_truth it is a batch: its output or batch_s3_uri")
        where = BatchLayout(uri).summary
        summary = read_json(s3, where)
        if summary is None:
            raise BdaInputError(f"{name}: there is no {where}; the batch has not ended")
        return summary

    def _head(self) -> dict[str, Any]:
        return {"metric": self.metric, "evaluated_at": datetime.now(tz=UTC).isoformat(timespec="seconds")}


def _said(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4g}"


def _check_share(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BdaInputError(f"{name}: {value!r} is no share from 0 to 1")
