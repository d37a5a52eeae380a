"""Operators for projects of Bedrock Data Automation: create, update, delete, and wait until they are ready."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import check_choice, check_each, check_tags
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationHook
from airflow_provider_bda.jobs.catalog import PROJECT
from airflow_provider_bda.operators._aws import BdaAwsOperator
from airflow_provider_bda.operators._kinds import CONFLICT, BdaKindOperator
from airflow_provider_bda.operators._resource import (
    BdaResourceOperator,
    check_if_exists,
    check_if_missing,
    encryption,
    given,
    is_missing,
    the_one_named,
)
from airflow_provider_bda.operators._tags import all_tags
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["BdaCreateProjectOperator", "BdaDeleteProjectOperator", "BdaUpdateProjectOperator"]

_CREATED_ONLY = ("projectName", "projectType", "clientToken", "tags")


class _ProjectOperator(BdaKindOperator):
    """What creating and updating share: a project's configuration.

    :param project_stage: (templated) "LIVE" or "DEVELOPMENT".
    :param project_description: (templated) what it is for.
    :param standard_output_configuration: (templated) what every document gives, as the API has it.
    :param custom_output_configuration: (templated) the blueprints, as the API has it; a blueprint may be a name or
        ARN in the place of its dict, and a name in the place of its ARN.
    :param override_configuration: (templated) splitter, modalities, routing and sensitive data, as the API has it:
        ``{"document": {"splitter": {"state": "ENABLED"}, "sensitiveDataConfiguration": {...}}}``.
    :param library: (templated) the ARN or name of the library it uses.
    :param kms_key_id: (templated) the customer's KMS key.
    :param kms_encryption_context: (templated) pairs; needs ``kms_key_id``.
    """

    hook_class = BedrockDataAutomationHook
    ui_color = "#ecdfd7"
    configuration_fields: ClassVar[tuple[str, ...]] = (
        "project_stage",
        "project_description",
        "standard_output_configuration",
        "custom_output_configuration",
        "override_configuration",
        "library",
        "kms_key_id",
        "kms_encryption_context",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "standard_output_configuration": "json",
        "custom_output_configuration": "json",
        "override_configuration": "json",
    }

    def __init__(
        self,
        *,
        project_stage: str = "LIVE",
        project_description: str | None = None,
        standard_output_configuration: dict[str, Any] | None = None,
        custom_output_configuration: dict[str, Any] | None = None,
        override_configuration: dict[str, Any] | None = None,
        library: str | None = None,
        kms_key_id: str | None = None,
        kms_encryption_context: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.project_stage = project_stage
        self.project_description = project_description
        self.standard_output_configuration = standard_output_configuration
        self.custom_output_configuration = custom_output_configuration
        self.override_configuration = override_configuration
        self.library = library
        self.kms_key_id = kms_key_id
        self.kms_encryption_context = kms_encryption_context
        self._check_stage(everything=False)

    def _check_stage(self, *, everything: bool) -> None:
        stage = (
            self.project_stage,
            lambda name, value: check_choice(name, value, "DEVELOPMENT", "LIVE"),
        )
        check_each({"project_stage": stage}, everything=everything)

    def configuration(self) -> dict[str, Any]:
        """Build the members that both operations take."""
        self._check_stage(everything=True)
        libraries = None
        if self.library:
            arn = self.hook.library_arn(self.library)
            libraries = {"libraries": [{"libraryArn": arn}]}
        return {
            "projectStage": self.project_stage,
            # The service wants this member, though it may be empty.
            "standardOutputConfiguration": self.standard_output_configuration or {},
            **given(
                projectDescription=self.project_description,
                customOutputConfiguration=self._custom_output(),
                overrideConfiguration=self.override_configuration,
                dataAutomationLibraryConfiguration=libraries,
            ),
            **encryption(self.kms_key_id, self.kms_encryption_context),
        }

    def _custom_output(self) -> dict[str, Any] | None:
        if self.custom_output_configuration is None:
            return None
        custom = deepcopy(self.custom_output_configuration)
        lists = [(custom, "blueprints"), (custom.get("document") or {}, "fallbackBlueprints")]
        for holder, member in lists:
            if member in holder:
                holder[member] = [self._blueprint(item) for item in holder[member]]
        return custom

    def _blueprint(self, item: str | Mapping[str, str]) -> dict[str, str]:
        given_as = {"blueprintArn": item} if isinstance(item, str) else dict(item)
        arn = self.hook.blueprint_arn(given_as["blueprintArn"])
        return {**given_as, "blueprintArn": arn}


class BdaCreateProjectOperator(_ProjectOperator):
    """Create a project and wait until it is ready (CreateDataAutomationProject).

    Also takes the configuration (see :class:`BdaUpdateProjectOperator`) and the arguments of
    :class:`~airflow_provider_bda.operators._base.BdaJobOperator`.

    :param project_name: (templated) its name, unique in the account.
    :param project_type: (templated) "ASYNC" or "SYNC"; None leaves it to the service (ASYNC).
    :param tags: (templated) its tags; ``airflow_dag_id`` and ``airflow_task_id`` are added.
    :param client_token: (templated) the idempotency token, 33 characters at least.
    :param if_exists: where a project has the name: "fail", "skip" (answer that one; a stage it lacks is made) or
        "update" (put this configuration in the place of that one's, at the stage, once no other change is under
        way). A retry after FAILED finds the project by its name, so it needs one of the latter.
    :returns: ``kind, handle, status, partial, project_arn, project_name, project_stage, project_type,
        last_modified_time``.
    """

    job = PROJECT
    busy_codes = CONFLICT
    template_fields: Sequence[str] = (
        "project_name",
        "project_type",
        *_ProjectOperator.configuration_fields,
        "tags",
        "client_token",
        *BdaAwsOperator.aws_template_fields,
    )

    def __init__(
        self,
        *,
        project_name: str,
        project_type: str | None = None,
        tags: dict[str, str] | None = None,
        client_token: str | None = None,
        if_exists: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_if_exists(if_exists)
        self.project_name = project_name
        self.project_type = project_type
        self.tags = tags
        self.client_token = client_token
        self.if_exists = if_exists
        check_each({"tags": (tags, check_tags)}, everything=False)

    @property
    def own_token(self) -> str | None:
        """The token the Dag author chose, if any."""
        return self.client_token

    def request(self, context: Any) -> dict[str, Any]:
        """Build the request of CreateDataAutomationProject."""
        return {
            "projectName": self.project_name,
            **self.configuration(),
            **given(projectType=self.project_type, tags=all_tags(context, self.tags) or None),
        }

    def start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Create the project, or act on the one there is.

        Creating comes first: by its token the service tells the project that an earlier try of this task has made
        from one that was there before.
        """
        try:
            return super().start(request)
        except CALL_ERRORS as raised:
            error = call_error(raised)
            if error.code not in CONFLICT:
                raise
            if (
                self.if_exists == "fail"
            ):  # without its code: nothing is under way whose end could be waited for
                raise BdaInputError(
                    f"{self.job.start} was refused, nothing was submitted: {error.code}: {error.message}. There is no "
                    'retry; if_exists="skip" or "update" takes the project there is',
                    kind=self.job.name,
                    error_message=error.message,
                ) from raised
            found = the_one_named(self.hook, "project", self.project_name)
            if found is None:
                raise
        if self.if_exists == "skip" and self._has_stage(found):
            return {"projectArn": found, "projectStage": self.project_stage}
        change = {name: value for name, value in request.items() if name not in _CREATED_ONLY}
        answer: dict[str, Any] = self.hook.call(
            "update_data_automation_project", {"projectArn": found, **change}
        )
        return answer

    def _has_stage(self, arn: str) -> bool:
        rows = self.hook.iter_projects(projectStageFilter=self.project_stage)
        return any(row["projectArn"] == arn for row in rows)


class BdaUpdateProjectOperator(_ProjectOperator):
    """Put a configuration in the place of a project's, and wait until it is ready (UpdateDataAutomationProject).

    The whole configuration is replaced: what is not given is not there afterwards. While another change of the
    project is under way, the task waits its turn. Also takes the arguments of
    :class:`~airflow_provider_bda.operators._base.BdaJobOperator`.

    :param project: (templated) the ARN or name.
    :returns: ``kind, handle, status, partial, project_arn, project_name, project_stage, project_type,
        last_modified_time``.
    """

    # Repeating this call does no harm, so the service takes no token for it.
    job = replace(PROJECT, start="UpdateDataAutomationProject", also_started_by=(), token=None)
    busy_codes = CONFLICT
    template_fields: Sequence[str] = (
        "project",
        *_ProjectOperator.configuration_fields,
        *BdaAwsOperator.aws_template_fields,
    )

    def __init__(self, *, project: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.project = project

    def request(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - the base's signature
        """Build the request of UpdateDataAutomationProject."""
        return {"projectArn": self.hook.project_arn(self.project), **self.configuration()}


class BdaDeleteProjectOperator(BdaResourceOperator):
    """Delete a project with all its stages (DeleteDataAutomationProject).

    :param project: (templated) its ARN or name.
    :param if_missing: where there is none: "skip" (a retry may find it gone) or "fail".
    :returns: ``deleted``.
    """

    template_fields: Sequence[str] = ("project", *BdaAwsOperator.aws_template_fields)

    def __init__(self, *, project: str, if_missing: str = "skip", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_if_missing(if_missing)
        self.project = project
        self.if_missing = if_missing

    def execute(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Delete it."""
        arn: str | None = self.project
        if not self.project.startswith("arn:"):
            arn = the_one_named(self.hook, "project", self.project)
        if arn is None:
            return self.missing(BdaInputError(f"project: none is named {self.project!r}"), self.if_missing)
        try:
            self.send("delete_data_automation_project", {"projectArn": arn})
        except BdaInputError as error:
            if not is_missing(error):
                raise
            return self.missing(error, self.if_missing)
        return {"deleted": True}
