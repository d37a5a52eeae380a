"""Operators that send a document, image, audio or video through Bedrock Data Automation."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._compat import conf
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.bedrock_data_automation import (
    BedrockDataAutomationHook,
    BedrockDataAutomationRuntimeHook,
)
from airflow_provider_bda.jobs.catalog import DATA_AUTOMATION
from airflow_provider_bda.links import BdaOutputLink, BdaProjectLink
from airflow_provider_bda.operators._base import BdaJobOperator
from airflow_provider_bda.operators._checks import (
    check_choice,
    check_each,
    check_object_uri,
    check_s3_uri,
    check_tags,
    check_video_segment,
    is_rendered,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["BdaInvokeOperator"]


class BdaInvokeOperator(BdaJobOperator):
    """Send one file through Bedrock Data Automation and wait for its output (InvokeDataAutomationAsync).

    Does not read the output: use :meth:`BedrockDataAutomationRuntimeHook.get_results` on the returned
    ``output_s3_uri``. Also takes the arguments of :class:`~airflow_provider_bda.operators._base.BdaJobOperator`.

    :param input_s3_uri: (templated) the file.
    :param output_s3_uri: (templated) the prefix under which the service writes ``<job id>/job_metadata.json``.
    :param project: (templated) the project's ARN, or its name (looked up; it must be unique).
    :param project_stage: (templated) "LIVE" or "DEVELOPMENT"; None leaves it to the service (LIVE).
    :param blueprints: (templated) ARNs, names, or dicts as the API has them
        (``{"blueprintArn": ..., "version": ..., "stage": ...}``); 1 to 40.
    :param profile_arn: (templated) the data-automation profile; None builds it from the Region, and the
        account from the project or blueprint, else from STS.
    :param video_segment: (templated) (start, end) in milliseconds: the part of a video to process.
    :param kms_key_id: (templated) the customer's KMS key for the output.
    :param kms_encryption_context: (templated) up to ten pairs; needs ``kms_key_id``.
    :param event_bridge_enabled: (templated) whether the service also sends events to EventBridge.
    :param tags: (templated) tags of the job. ``airflow_dag_id``, ``airflow_task_id`` and ``[bda] default_tags``
        are added unless ``[bda] airflow_tags`` is off.
    :param client_token: (templated) the idempotency token. None builds one that is the same for every try of
        this task instance, so that a crash never buys a second job.
    :returns: ``kind, handle, status, partial, invocation_arn, output_s3_uri`` (the job_metadata.json),
        ``job_submission_time, job_completion_time, job_duration_in_seconds``.
    """

    job = DATA_AUTOMATION
    hook_class = BedrockDataAutomationRuntimeHook
    operator_extra_links = (BdaOutputLink(), BdaProjectLink())
    ui_color = "#d7ece8"
    template_fields: Sequence[str] = (
        "input_s3_uri",
        "output_s3_uri",
        "project",
        "project_stage",
        "blueprints",
        "profile_arn",
        "video_segment",
        "kms_key_id",
        "kms_encryption_context",
        "event_bridge_enabled",
        "tags",
        "client_token",
        *BdaJobOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "blueprints": "json",
        "kms_encryption_context": "json",
        "tags": "json",
        "botocore_config": "json",
    }

    def __init__(
        self,
        *,
        input_s3_uri: str,
        output_s3_uri: str,
        project: str | None = None,
        project_stage: str | None = None,
        blueprints: list[str | dict[str, str]] | None = None,
        profile_arn: str | None = None,
        video_segment: tuple[int, int] | None = None,
        kms_key_id: str | None = None,
        kms_encryption_context: dict[str, str] | None = None,
        event_bridge_enabled: bool | str = False,
        tags: dict[str, str] | None = None,
        client_token: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_s3_uri = input_s3_uri
        self.output_s3_uri = output_s3_uri
        self.project = project
        self.project_stage = project_stage
        self.blueprints = blueprints
        self.profile_arn = profile_arn
        self.video_segment = video_segment
        self.kms_key_id = kms_key_id
        self.kms_encryption_context = kms_encryption_context
        self.event_bridge_enabled = event_bridge_enabled
        self.tags = tags
        self.client_token = client_token
        self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        check_each(
            {
                "input_s3_uri": (self.input_s3_uri, check_object_uri),
                "output_s3_uri": (self.output_s3_uri, check_s3_uri),
                "video_segment": (self.video_segment, check_video_segment),
                "tags": (self.tags, check_tags),
                "project_stage": (
                    self.project_stage,
                    lambda name, value: check_choice(name, value, "LIVE", "DEVELOPMENT"),
                ),
            },
            everything=everything,
        )
        if not self.project and not self.blueprints and (everything or self._is_literal()):
            raise BdaInputError(
                "project, blueprints: neither is given, so the service would not know what to extract; pass project= "
                "(ARN or name), blueprints=[...], or both"
            )
        if self.kms_encryption_context and not self.kms_key_id:
            raise BdaInputError("kms_encryption_context: it needs kms_key_id=")

    def _is_literal(self) -> bool:
        return is_rendered(self.project) and is_rendered(self.blueprints)

    @property
    def own_token(self) -> str | None:
        """The token the Dag author chose, if any."""
        return self.client_token

    def request(self, context: Any) -> dict[str, Any]:
        """Build the request of InvokeDataAutomationAsync."""
        self._check(everything=True)
        blueprints = [self._blueprint(blueprint) for blueprint in self.blueprints or []]
        project = self._control_plane.project_arn(self.project) if self.project else None
        tags = self._tags(context)
        request: dict[str, Any] = {
            "inputConfiguration": self._input(),
            "outputConfiguration": {"s3Uri": self._output_root},
            "dataAutomationProfileArn": self.profile_arn or self._default_profile(project, blueprints),
        }
        if project:
            stage = {"stage": self.project_stage} if self.project_stage else {}
            request["dataAutomationConfiguration"] = {"dataAutomationProjectArn": project, **stage}
        if blueprints:
            request["blueprints"] = blueprints
        if self.kms_key_id:
            pairs = self.kms_encryption_context
            request["encryptionConfiguration"] = {
                "kmsKeyId": self.kms_key_id,
                **({"kmsEncryptionContext": pairs} if pairs else {}),
            }
        if str(self.event_bridge_enabled).lower() in {"true", "1"}:  # a template renders to a string
            request["notificationConfiguration"] = {"eventBridgeConfiguration": {"eventBridgeEnabled": True}}
        if tags:
            request["tags"] = [{"key": key, "value": value} for key, value in sorted(tags.items())]
        return request

    def _input(self) -> dict[str, Any]:
        if not self.video_segment:
            return {"s3Uri": self.input_s3_uri}
        start, end = (int(edge) for edge in self.video_segment)
        segment = {"timestampSegment": {"startTimeMillis": start, "endTimeMillis": end}}
        return {
            "s3Uri": self.input_s3_uri,
            "assetProcessingConfiguration": {"video": {"segmentConfiguration": segment}},
        }

    def _blueprint(self, blueprint: str | Mapping[str, str]) -> dict[str, str]:
        if isinstance(blueprint, str):
            return {"blueprintArn": self._control_plane.blueprint_arn(blueprint)}
        unknown = set(blueprint) - {"blueprintArn", "version", "stage"}
        if unknown or "blueprintArn" not in blueprint:
            raise BdaInputError(
                "blueprints: a dict has blueprintArn and, if wanted, version and stage"
                + (f", not {', '.join(sorted(unknown))}" if unknown else "")
            )
        arn = self._control_plane.blueprint_arn(blueprint["blueprintArn"])
        return {**blueprint, "blueprintArn": arn}

    def _default_profile(self, project: str | None, blueprints: list[dict[str, str]]) -> str:
        arns = [arn for arn in (project, *(item["blueprintArn"] for item in blueprints)) if arn]
        owners = [arn.split(":")[4] for arn in arns if arn.count(":") >= 5]
        account = next((owner for owner in owners if owner.isdigit()), None)
        arn: str = self.hook.default_profile_arn(account)
        return arn

    def _tags(self, context: Any) -> dict[str, str]:
        try:
            defaults = json.loads(conf.get("bda", "default_tags", fallback=None) or "{}")
        except ValueError as error:
            raise BdaInputError(
                f"[bda] default_tags in Airflow's configuration is no JSON object: {error}"
            ) from error
        check_tags("[bda] default_tags", defaults)
        own = {}
        if conf.getboolean("bda", "airflow_tags", fallback=True):
            ti = context["ti"]
            own = {"airflow_dag_id": ti.dag_id[:256], "airflow_task_id": ti.task_id[:256]}
        return {**defaults, **own, **(self.tags or {})}

    @cached_property
    def _control_plane(self) -> BedrockDataAutomationHook:
        return BedrockDataAutomationHook.for_target(self.target)

    def output_s3_uri_of(self, handle: Mapping[str, str]) -> str:
        """Answer where the job's metadata will be: the layout the service documents."""
        return f"{self._output_prefix(handle)}job_metadata.json"

    @property
    def _output_root(self) -> str:
        # One form on the wire, so that where the output will be is known however the service joins the parts.
        return self.output_s3_uri.rstrip("/")

    def _output_prefix(self, handle: Mapping[str, str]) -> str:
        return f"{self._output_root}/{handle['invocationArn'].rsplit('/', 1)[-1]}/"

    def push_links(self, context: Any, handle: Mapping[str, str], request: Mapping[str, Any]) -> None:
        """Push the links to the output and the project."""
        where = {"region_name": self.hook.conn_region_name, "aws_partition": self.hook.conn_partition}
        bucket, _, prefix = self._output_prefix(handle).removeprefix("s3://").partition("/")
        BdaOutputLink.push(context, self, **where, bucket=bucket, prefix=prefix)
        project = request.get("dataAutomationConfiguration", {}).get("dataAutomationProjectArn")
        if project:
            BdaProjectLink.push(context, self, **where, project=project.rsplit("/", 1)[-1])
