"""The operator that optimizes a blueprint on samples with ground truth, and holds what came of it to a measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import (
    check_choice,
    check_each,
    check_object_uri,
    check_s3_uri,
    check_tags,
)
from airflow_provider_bda.exceptions import BdaInputError, BdaJobLost, BdaJobRejected
from airflow_provider_bda.hooks._job_files import read_optimization
from airflow_provider_bda.hooks.bedrock_data_automation import (
    BedrockDataAutomationHook,
    BedrockDataAutomationRuntimeHook,
)
from airflow_provider_bda.jobs.catalog import BLUEPRINT_OPTIMIZATION
from airflow_provider_bda.operators._aws import BdaAwsOperator
from airflow_provider_bda.operators._kinds import BdaKindOperator
from airflow_provider_bda.operators._resource import encryption
from airflow_provider_bda.operators._tags import all_tags
from airflow_provider_bda.results.optimization import METRICS
from airflow_provider_bda.waiting.errors import CALL_ERRORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bda.jobs.event import JobEvent
    from airflow_provider_bda.operators._flaws import Flaws
    from airflow_provider_bda.results.optimization import OptimizationResult

_MOST_SAMPLES = 10


class BdaOptimizeBlueprintOperator(BdaKindOperator):
    """Let the service rewrite a blueprint's instructions on samples, and wait (InvokeBlueprintOptimizationAsync).

    The blueprint itself stays as it is; pass the returned ``schema`` on to ``BdaUpdateBlueprintOperator``. The
    service takes no token: where a start's answer is lost, a retry may optimize (and pay) a second time. Also
    takes the arguments of :class:`~airflow_provider_bda.operators._base.BdaJobOperator`.

    :param blueprint: (templated) the ARN or name; for documents only.
    :param samples: (templated) 1 to 10 pairs (S3 URI of the document, S3 URI of its ground truth), or dicts as the
        API has them.
    :param output_s3_uri: (templated) the prefix under which the result is written.
    :param blueprint_stage: (templated) "DEVELOPMENT" or "LIVE"; None leaves it to the service.
    :param profile_arn: (templated) the data-automation profile; None builds it from the Region and account.
    :param kms_key_id: (templated) the customer's KMS key for the output.
    :param kms_encryption_context: (templated) pairs; needs ``kms_key_id``.
    :param tags: (templated) tags of the job; ``airflow_dag_id`` and ``airflow_task_id`` are added.
    :param metric: (templated) what ``min_improvement`` is about: "f1", "exactMatch" or "confidence".
    :param min_improvement: (templated) by how much the metric must rise (0 to 1; 0 means: not fall), else the task
        fails without a retry. None lets everything pass.
    :returns: ``kind, handle, status, partial, invocation_arn, output_s3_uri, result_s3_uri, metrics_before,
        metrics_after, improvement, schema``.
    """

    job = BLUEPRINT_OPTIMIZATION
    hook_class = BedrockDataAutomationHook
    template_fields: Sequence[str] = (
        "blueprint",
        "samples",
        "output_s3_uri",
        "blueprint_stage",
        "profile_arn",
        "kms_key_id",
        "kms_encryption_context",
        "tags",
        "metric",
        "min_improvement",
        *BdaAwsOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"samples": "json", "tags": "json"}
    lineage_inputs = ("samples",)
    lineage_outputs = ("output_s3_uri",)

    def __init__(
        self,
        *,
        blueprint: str,
        samples: Sequence[Any],
        output_s3_uri: str,
        blueprint_stage: str | None = None,
        profile_arn: str | None = None,
        kms_key_id: str | None = None,
        kms_encryption_context: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
        metric: str = "f1",
        min_improvement: float | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.blueprint = blueprint
        self.samples = samples
        self.output_s3_uri = output_s3_uri
        self.blueprint_stage = blueprint_stage
        self.profile_arn = profile_arn
        self.kms_key_id = kms_key_id
        self.kms_encryption_context = kms_encryption_context
        self.tags = tags
        self.metric = metric
        self.min_improvement = min_improvement
        if self.end_from_trigger:
            raise BdaInputError("end_from_trigger: the result is read on a worker; leave it out")
        if min_improvement is not None and not self.wait_for_completion:
            raise BdaInputError("min_improvement: it needs wait_for_completion=True")
        self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        stage = (
            self.blueprint_stage,
            lambda name, value: check_choice(name, value, "DEVELOPMENT", "LIVE"),
        )
        check_each(
            {
                "output_s3_uri": (self.output_s3_uri, check_s3_uri),
                "blueprint_stage": stage,
                "tags": (self.tags, check_tags),
                "metric": (self.metric, lambda name, value: check_choice(name, value, *METRICS)),
                "min_improvement": (self.min_improvement, _check_number),
            },
            everything=everything,
        )

    def request(self, context: Any) -> dict[str, Any]:
        """Build the request of InvokeBlueprintOptimizationAsync."""
        self._check(everything=True)
        if not 1 <= len(self.samples) <= _MOST_SAMPLES:
            raise BdaInputError(f"samples: {len(self.samples)}; the service takes 1 to {_MOST_SAMPLES}")
        arn = self.hook.blueprint_arn(self.blueprint)
        stage = {"stage": self.blueprint_stage} if self.blueprint_stage else {}
        request: dict[str, Any] = {
            "blueprint": {"blueprintArn": arn, **stage},
            "samples": [_sample(sample) for sample in self.samples],
            "outputConfiguration": {"s3Object": {"s3Uri": self.output_s3_uri.rstrip("/")}},
            "dataAutomationProfileArn": self.profile_arn or self._default_profile(arn),
            **encryption(self.kms_key_id, self.kms_encryption_context),
        }
        if tags := all_tags(context, self.tags):
            request["tags"] = tags
        return request

    def _default_profile(self, blueprint: str) -> str:
        owner = blueprint.split(":")[4] if blueprint.count(":") >= 5 else ""
        runtime = BedrockDataAutomationRuntimeHook.for_target(self.target)
        return runtime.default_profile_arn(owner if owner.isdigit() else None)

    def more_facts(self, event: JobEvent, flaws: Flaws) -> dict[str, Any]:  # noqa: ARG002 - the base's signature
        """Answer what was measured and made; the gate closes here.

        :raises BdaJobRejected: the metric did not rise enough.
        """
        result = self._result(event)
        improvement = result.improvement(self.metric)
        self.log.info("%s before %s, after %s", self.metric, result.before, result.after)
        facts = {
            "result_s3_uri": result.uri,
            "metrics_before": result.before,
            "metrics_after": result.after,
            "improvement": improvement,
            "schema": result.schema,
        }
        if self.min_improvement is not None:
            self._hold_to_measure(event, improvement, float(self.min_improvement), facts)
        return facts

    def _hold_to_measure(
        self, event: JobEvent, improvement: float | None, wanted: float, facts: dict[str, Any]
    ) -> None:
        # Floats as JSON has them: 0.8 - 0.7 is to count as 0.1.
        if improvement is not None and round(improvement, 9) >= wanted:
            return
        said = "it does not say" if improvement is None else f"it rose by {improvement:.4g}"
        before, after = facts["metrics_before"].get(self.metric), facts["metrics_after"].get(self.metric)
        self._push("optimization", {name: value for name, value in facts.items() if name != "schema"})
        raise BdaJobRejected(
            f"{self.job.title} {self.job.describe_handle(event.handle)} did not improve {self.metric} by at least "
            f"{wanted}: {said} (from {before} to {after}). The result lies in {facts['result_s3_uri']}. The same job "
            "would say the same, so there is no retry; change the samples or the schema, or min_improvement",
            kind=self.job.name,
            handle=event.handle,
            status=event.status,
        )

    def _result(self, event: JobEvent) -> OptimizationResult:
        uri = (event.answer.get("outputConfiguration") or {}).get("s3Object", {}).get("s3Uri")
        try:
            return read_optimization(self.hook, str(uri))
        except (*CALL_ERRORS, ValueError) as error:
            raise BdaJobLost(
                f"{self.job.title} {self.job.describe_handle(event.handle)} ended as {event.status}, but its result "
                f"below {uri} could not be read: {type(error).__name__}: {error}. A retry reads it again",
                kind=self.job.name,
                handle=event.handle,
                status=event.status,
                error_type=type(error).__name__,
                error_message=str(error),
            ) from error


def _sample(sample: Any) -> dict[str, Any]:
    if isinstance(sample, dict):
        return sample
    if not isinstance(sample, list | tuple) or len(sample) != 2:
        raise BdaInputError(
            f"samples: {sample!r} is no pair (S3 URI of the document, S3 URI of its ground truth)"
        )
    for uri in sample:
        check_object_uri("samples", uri)
    return {"assetS3Object": {"s3Uri": sample[0]}, "groundTruthS3Object": {"s3Uri": sample[1]}}


def _check_number(name: str, value: Any) -> None:
    try:
        float(value)
    except (TypeError, ValueError) as error:
        raise BdaInputError(f"{name}: {value!r} is no number") from error
