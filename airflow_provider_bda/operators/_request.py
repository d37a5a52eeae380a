"""The part of a request that says how a file is processed: the same for a job and for the synchronous call."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import check_choice, check_each, is_rendered
from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationHook
from airflow_provider_bda.links import BdaOutputLink, BdaProjectLink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.aws import AwsTarget


class DataAutomationRequest:
    """Mixed into an operator that has these attributes, ``target`` and ``hook``."""

    project: str | None
    project_stage: str | None
    blueprints: list[str | dict[str, str]] | None
    profile_arn: str | None
    kms_key_id: str | None
    kms_encryption_context: dict[str, str] | None
    target: AwsTarget
    hook: Any

    processing_template_fields: ClassVar[tuple[str, ...]] = (
        "project",
        "project_stage",
        "blueprints",
        "profile_arn",
        "kms_key_id",
        "kms_encryption_context",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "blueprints": "json",
        "kms_encryption_context": "json",
        "botocore_config": "json",
    }

    def check_processing(self, *, everything: bool) -> None:
        """Refuse what cannot work.

        :param everything: False passes over values that are not rendered yet.
        :raises BdaInputError: an argument cannot work.
        """
        stage = (
            self.project_stage,
            lambda name, value: check_choice(name, value, "LIVE", "DEVELOPMENT"),
        )
        check_each({"project_stage": stage}, everything=everything)
        literal = is_rendered(self.project) and is_rendered(self.blueprints)
        if not self.project and not self.blueprints and (everything or literal):
            raise BdaInputError(
                "project, blueprints: neither is given, so the service would not know what to extract; pass project= "
                "(ARN or name), blueprints=[...], or both"
            )
        if self.kms_encryption_context and not self.kms_key_id:
            raise BdaInputError("kms_encryption_context: it needs kms_key_id=")

    def processing(self) -> dict[str, Any]:
        """Build the members of the request; names are looked up.

        :raises BdaInputError: a name is unknown or ambiguous, or the Region has no profile.
        """
        blueprints = [self._blueprint(blueprint) for blueprint in self.blueprints or []]
        project = self.control_plane.project_arn(self.project) if self.project else None
        request: dict[str, Any] = {
            "dataAutomationProfileArn": self.profile_arn or self._default_profile(project, blueprints)
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
        return request

    def _blueprint(self, blueprint: str | Mapping[str, str]) -> dict[str, str]:
        if isinstance(blueprint, str):
            return {"blueprintArn": self.control_plane.blueprint_arn(blueprint)}
        unknown = set(blueprint) - {"blueprintArn", "version", "stage"}
        if unknown or "blueprintArn" not in blueprint:
            raise BdaInputError(
                "blueprints: a dict has blueprintArn and, if wanted, version and stage"
                + (f", not {', '.join(sorted(unknown))}" if unknown else "")
            )
        arn = self.control_plane.blueprint_arn(blueprint["blueprintArn"])
        return {**blueprint, "blueprintArn": arn}

    def _default_profile(self, project: str | None, blueprints: list[dict[str, str]]) -> str:
        arns = [arn for arn in (project, *(item["blueprintArn"] for item in blueprints)) if arn]
        owners = [arn.split(":")[4] for arn in arns if arn.count(":") >= 5]
        account = next((owner for owner in owners if owner.isdigit()), None)
        arn: str = self.hook.default_profile_arn(account)
        return arn

    @cached_property
    def control_plane(self) -> BedrockDataAutomationHook:
        """The hook of projects and blueprints."""
        return BedrockDataAutomationHook.for_target(self.target)

    def push_console_links(self, context: Any, output_prefix: str | None, request: Mapping[str, Any]) -> None:
        """Push the links to the output and the project.

        :param output_prefix: the S3 URI under which the output lies.
        """
        where = {"region_name": self.hook.conn_region_name, "aws_partition": self.hook.conn_partition}
        if output_prefix is not None:
            bucket, prefix = split_s3_uri(output_prefix)
            BdaOutputLink.push(context, self, **where, bucket=bucket, prefix=prefix)
        project = request.get("dataAutomationConfiguration", {}).get("dataAutomationProjectArn")
        if project:
            BdaProjectLink.push(context, self, **where, project=project.rsplit("/", 1)[-1])
