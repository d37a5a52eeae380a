"""What follows from how sure the service was: a branch for single documents, and a person's corrections."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.standard.operators.branch import BranchMixIn

from airflow_provider_bda._checks import check_choice, check_each, check_s3_uri
from airflow_provider_bda.batch._files import put_bytes
from airflow_provider_bda.batch.document import document_id_of
from airflow_provider_bda.exceptions import BdaError, BdaInputError
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.operators._aws import BdaAwsOperator
from airflow_provider_bda.results import ResultsError
from airflow_provider_bda.review import ReviewPolicy, corrected_output, corrections_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bda.results import Results, ResultsView
    from airflow_provider_bda.review import Correction

__all__ = ["BdaApplyCorrectionsOperator", "BdaConfidenceBranchOperator"]

#: What the branch found, as a line of ``needs_review.jsonl``: names, boxes and confidences, no value.
XCOM_KEY = "bda_review"


class BdaConfidenceBranchOperator(BdaAwsOperator, BranchMixIn):
    """Go one way where the service was sure of a document, the other where a person should look.

    Also takes the arguments of :class:`~airflow_provider_bda.operators._aws.BdaAwsOperator`. Leaves what it found as XCom
    ``bda_review``: fields, confidences and boxes, no value.

    :param results: (templated) the job: a ``BdaInvokeOperator``'s ``output``, its ``output_s3_uri`` or ``invocation_arn``.
    :param if_sure: the task (or task group, or a list of them) that follows where nobody need look.
    :param if_unsure: the same where a person should.
    :param review: a :class:`~airflow_provider_bda.review.ReviewPolicy`, or a dict of its arguments; None is the policy's
        own defaults: every field sure by 0.8, and a blueprint that matched.
    :param view: "auto" reads the redacted output where the job wrote one, "redacted" only that, "full" the original.
    :returns: what follows.
    :raises BdaInputError: the job has not ended, or left no output that can be read. No retry.
    """

    hook_class = BedrockDataAutomationRuntimeHook
    template_fields: Sequence[str] = ("results", *BdaAwsOperator.aws_template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {"results": "json"}
    ui_color = "#f3e3c3"
    lineage_inputs = ("results",)

    def __init__(
        self,
        *,
        results: Any,
        if_sure: str | Sequence[str],
        if_unsure: str | Sequence[str],
        review: ReviewPolicy | Mapping[str, Any] | None = None,
        view: str = "auto",
        **kwargs: Any,
    ) -> None:
        kwargs["multiple_outputs"] = False
        super().__init__(**kwargs)
        self.results = results
        self.if_sure = if_sure
        self.if_unsure = if_unsure
        self.review = ReviewPolicy() if review is None else ReviewPolicy.of(review)
        self.view: Any = view
        check_choice("view", view, "auto", "redacted", "full")

    def execute(self, context: Any) -> Any:
        """Look, and go."""
        told = self.results if isinstance(self.results, Mapping) else {}
        results = read_results(self.hook, self.results, self.view, "results")
        asset = results.metadata.assets[0] if results.metadata.assets else None
        input_s3_uri = asset.asset_input_path if asset else None
        document_id = document_id_of(input_s3_uri) if input_s3_uri else results.metadata.job_id or ""
        try:
            segments = [(segment.custom_output_status, segment.custom) for segment in results]
        except ResultsError as error:
            raise BdaInputError(f"results: {error}") from error
        review = self.review.review(document_id, segments)
        row = {
            "document_id": document_id,
            "input_s3_uri": input_s3_uri,
            "invocation_arn": told.get("invocation_arn"),
            "output_s3_uri": results.metadata_uri,
            "generation": 0,
        }
        context["ti"].xcom_push(key=XCOM_KEY, value=review.line(row))
        self.log.info(
            "%s: %s", results.metadata_uri, ", ".join(review.reasons) if review.wanted else "nobody need look"
        )
        return self.do_branch(context, self.if_unsure if review.wanted else self.if_sure)


class BdaApplyCorrectionsOperator(BdaAwsOperator):
    """Lay a person's answers over what was extracted, in a copy; the service's own output stays as it is.

    The copy is a job's output like any other (a ``job_metadata.json`` and what it names), so that ``get_results``,
    ``BdaResultsToParquetOperator`` and the rest read it. Each correction stands in it: field, old value, new value, who,
    when. A corrected field's confidence is 1.

    Also takes the arguments of :class:`~airflow_provider_bda.operators._aws.BdaAwsOperator`.

    :param documents: (templated) what was looked at: a dict with ``output_s3_uri`` (and ``segment``, if it is not 0), such as
        a line of ``needs_review.jsonl`` or a branch's XCom ``bda_review``; or a list of them.
    :param answers: (templated) what was said: the output of Airflow's ``HITLOperator`` or ``HITLEntryOperator``, whose params
        are called like the fields; or a dict with ``fields``, ``by`` and ``at``; or a list, in the documents' order. An empty
        field is left as it is.
    :param output_s3_uri: (templated) the prefix of the copies.
    :param ground_truth_s3_uri: (templated) the prefix of ground truth: of each document its fields as they are now, as
        ``BdaOptimizeBlueprintOperator`` and ``BdaEvaluateOperator`` take them; None writes none.
    :param view: what the person saw: "auto" (redacted where the job wrote it so), "redacted" or "full".
    :returns: ``documents, fields`` (values that changed)``, corrected`` (the new ``output_s3_uri`` of each)``, ground_truth``
        (pairs of document and ground truth)``, ground_truth_s3_uri``.
    :raises BdaInputError: an answer names no field, or an output is not there. No retry.
    :raises BdaError: S3 refuses something; a retry writes the same again.
    """

    hook_class = BedrockDataAutomationRuntimeHook
    template_fields: Sequence[str] = (
        "documents",
        "answers",
        "output_s3_uri",
        "ground_truth_s3_uri",
        *BdaAwsOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"documents": "json"}
    ui_color = "#f3e3c3"
    lineage_inputs = ("documents",)
    lineage_outputs = ("corrected", "ground_truth_s3_uri")

    def __init__(
        self,
        *,
        documents: Any,
        answers: Any,
        output_s3_uri: str,
        ground_truth_s3_uri: str | None = None,
        view: str = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.documents = documents
        self.answers = answers
        self.output_s3_uri = output_s3_uri
        self.ground_truth_s3_uri = ground_truth_s3_uri
        self.view: Any = view
        check_choice("view", view, "auto", "redacted", "full")
        self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        check_each(
            {
                "output_s3_uri": (self.output_s3_uri, check_s3_uri),
                "ground_truth_s3_uri": (self.ground_truth_s3_uri, check_s3_uri),
            },
            everything=everything,
        )

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Merge, and write."""
        self._check(everything=True)
        by_job: defaultdict[str, list[Correction]] = defaultdict(list)
        for correction in corrections_of(self.documents, self.answers):
            by_job[correction.output_s3_uri].append(correction)
        corrected, truth, fields = [], [], 0
        for uri, corrections in by_job.items():
            copied, changed, pairs = self._correct(uri, corrections)
            corrected.append(copied)
            truth += pairs
            fields += changed
        self.log.info("%s fields of %s documents were corrected", fields, len(corrected))
        self.lineage_note({"corrected": corrected})
        return {
            "documents": len(corrected),
            "fields": fields,
            "corrected": corrected,
            "ground_truth": truth,
            "ground_truth_s3_uri": self.ground_truth_s3_uri,
        }

    def _correct(self, uri: str, corrections: Sequence[Correction]) -> tuple[str, int, list[list[str]]]:
        results = read_results(self.hook, uri, self.view, "documents")
        metadata = results.metadata.to_dict()
        job_id = str(results.metadata.job_id or document_id_of(uri))
        places = [
            place
            for asset in metadata.get("output_metadata", ())
            for place in asset.get("segment_metadata", ())
        ]
        root = f"{self.output_s3_uri.rstrip('/')}/{job_id}"
        outputs: dict[int, dict[str, Any]] = {}
        changed = 0
        for correction in corrections:
            number = correction.segment
            if number not in outputs:
                outputs[number] = _custom(results, number)
            outputs[number], more = corrected_output(outputs[number], correction)
            changed += more
        pairs = []
        for number, output in outputs.items():
            places[number]["custom_output_path"] = f"{root}/custom_output/{number}/result.json"
            self._write(places[number]["custom_output_path"], output)
            if self.ground_truth_s3_uri:
                pairs.append(self._write_truth(results, job_id, number, output))
        # Last, for it names the others.
        self._write(f"{root}/job_metadata.json", metadata)
        return f"{root}/job_metadata.json", changed, pairs

    def _write_truth(
        self, results: Results, job_id: str, segment: int, output: Mapping[str, Any]
    ) -> list[str]:
        asset = results.metadata.assets[0] if results.metadata.assets else None
        input_s3_uri = (asset.asset_input_path if asset else None) or ""
        uri = f"{str(self.ground_truth_s3_uri).rstrip('/')}/{job_id}-{segment}"
        self._write(f"{uri}.json", output.get("inference_result", {}))
        line = {"input_s3_uri": input_s3_uri, "segment": segment, "ground_truth_s3_uri": f"{uri}.json"}
        self._write(f"{uri}.jsonl", line)
        return [input_s3_uri, f"{uri}.json"]

    def _write(self, uri: str, value: Mapping[str, Any]) -> None:
        body = json.dumps(value).encode()
        try:
            put_bytes(self.hook.s3_client, uri, body, ContentType="application/json")
        except FileNotFoundError as error:
            raise BdaError(f"there is no bucket for {uri}") from error


def read_results(hook: BedrockDataAutomationRuntimeHook, job: Any, view: ResultsView, name: str) -> Results:
    """Read what a job left, however the Dag author names it.

    :param name: how the error calls the argument.
    :raises BdaInputError: it is no job, has not ended, or its metadata is not there.
    """
    uri = (job.get("output_s3_uri") or job.get("invocation_arn")) if isinstance(job, Mapping) else job
    if not isinstance(uri, str):
        raise BdaInputError(
            f"{name}: {job!r} is no job: its output_s3_uri, invocation_arn or an operator's output is wanted"
        )
    try:
        return hook.get_results(uri, view)
    except ResultsError as error:
        raise BdaInputError(f"{name}: {error}") from error


def _custom(results: Results, segment: int) -> dict[str, Any]:
    try:
        output = results.segments[segment].custom if segment < len(results.segments) else None
    except ResultsError as error:
        raise BdaInputError(f"documents: {error}") from error
    if output is None:
        raise BdaInputError(
            f"documents: segment {segment} of {results.metadata_uri} has no custom output to correct"
        )
    return output.to_dict()
