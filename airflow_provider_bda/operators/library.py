"""Operators for libraries of Bedrock Data Automation: the vocabulary that helps it transcribe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationHook
from airflow_provider_bda.jobs.catalog import LIBRARY_DELETION
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.jobs.kind import Outcome
from airflow_provider_bda.operators._aws import BdaAwsOperator
from airflow_provider_bda.operators._ingest_library import BdaIngestLibraryOperator
from airflow_provider_bda.operators._kinds import CONFLICT, BdaKindOperator
from airflow_provider_bda.operators._resource import (
    BdaResourceOperator,
    already_there,
    check_if_exists,
    check_if_missing,
    encryption,
    given,
    is_missing,
    resource_token,
    the_one_named,
)
from airflow_provider_bda.operators._tags import all_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BdaCreateLibraryOperator",
    "BdaDeleteLibraryOperator",
    "BdaIngestLibraryOperator",
    "BdaUpdateLibraryOperator",
]


class BdaCreateLibraryOperator(BdaResourceOperator):
    """Create a library (CreateDataAutomationLibrary).

    :param library_name: (templated) its name, unique in the account.
    :param library_description: (templated) what it is for.
    :param kms_key_id: (templated) the customer's KMS key.
    :param kms_encryption_context: (templated) pairs; needs ``kms_key_id``.
    :param tags: (templated) its tags; ``airflow_dag_id`` and ``airflow_task_id`` are added.
    :param client_token: (templated) the idempotency token, 33 characters at least.
    :param if_exists: where a library has the name: "fail", "skip" (answer that one) or "update" (give that one
        the description).
    :returns: ``library_arn, library_name, created``.
    """

    template_fields: Sequence[str] = (
        "library_name",
        "library_description",
        "kms_key_id",
        "kms_encryption_context",
        "tags",
        "client_token",
        *BdaAwsOperator.aws_template_fields,
    )

    def __init__(
        self,
        *,
        library_name: str,
        library_description: str | None = None,
        kms_key_id: str | None = None,
        kms_encryption_context: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
        client_token: str | None = None,
        if_exists: str = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_if_exists(if_exists)
        self.library_name = library_name
        self.library_description = library_description
        self.kms_key_id = kms_key_id
        self.kms_encryption_context = kms_encryption_context
        self.tags = tags
        self.client_token = client_token
        self.if_exists = if_exists

    def execute(self, context: Any) -> dict[str, Any]:
        """Create it, or act on the one there is."""
        found = None
        if self.if_exists != "fail":
            found = the_one_named(self.hook, "library", self.library_name)
        if found is None:
            request = {
                "libraryName": self.library_name,
                **given(
                    libraryDescription=self.library_description, tags=all_tags(context, self.tags) or None
                ),
                **encryption(self.kms_key_id, self.kms_encryption_context),
            }
            token = resource_token(context, self.client_token, request)
            try:
                found = self.send("create_data_automation_library", {**request, "clientToken": token})[
                    "libraryArn"
                ]
            except BdaInputError as error:
                # Another task may have been faster.
                if self.if_exists == "fail" or not already_there(error):
                    raise
                found = the_one_named(self.hook, "library", self.library_name)
                if found is None:
                    raise
            else:
                return {"library_arn": found, "library_name": self.library_name, "created": True}
        if self.if_exists == "update":
            change = given(libraryDescription=self.library_description)
            self.send("update_data_automation_library", {"libraryArn": found, **change})
        return {"library_arn": found, "library_name": self.library_name, "created": False}


class BdaUpdateLibraryOperator(BdaResourceOperator):
    """Replace a library's description (UpdateDataAutomationLibrary).

    :param library: (templated) its ARN or name.
    :param library_description: (templated) the new description.
    :param client_token: (templated) the idempotency token, 33 characters at least.
    :returns: ``library_arn``.
    """

    template_fields: Sequence[str] = (
        "library",
        "library_description",
        "client_token",
        *BdaAwsOperator.aws_template_fields,
    )

    def __init__(
        self, *, library: str, library_description: str, client_token: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.library = library
        self.library_description = library_description
        self.client_token = client_token

    def execute(self, context: Any) -> dict[str, Any]:
        """Update it."""
        request = {
            "libraryArn": self.hook.library_arn(self.library),
            "libraryDescription": self.library_description,
        }
        token = resource_token(context, self.client_token, request)
        self.send("update_data_automation_library", {**request, "clientToken": token})
        return {"library_arn": request["libraryArn"]}


class BdaDeleteLibraryOperator(BdaKindOperator):
    """Delete a library and wait until it is gone (DeleteDataAutomationLibrary).

    While an ingestion job runs in it, the task waits its turn. Also takes the arguments of
    :class:`~airflow_provider_bda.operators._base.BdaJobOperator`.

    :param library: (templated) its ARN or name.
    :param if_missing: where there is none: "skip" (a retry may find it gone) or "fail".
    :returns: ``kind, handle, status, partial, library_arn``; if there was none, ``library_arn`` is None.
    """

    job = LIBRARY_DELETION
    hook_class = BedrockDataAutomationHook
    busy_codes = CONFLICT
    template_fields: Sequence[str] = ("library", *BdaAwsOperator.aws_template_fields)

    def __init__(self, *, library: str, if_missing: str = "skip", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_if_missing(if_missing)
        self.library = library
        self.if_missing = if_missing

    def request(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - the base's signature
        """Build the request of DeleteDataAutomationLibrary."""
        return {"libraryArn": self.hook.library_arn(self.library)}

    def _run(self, context: Any, deadline: float) -> Any:
        if not self.library.startswith("arn:") and not self.hook.arns_named("library", self.library):
            return self._nothing_there(BdaInputError(f"library: none is named {self.library!r}"))
        try:
            return super()._run(context, deadline)
        except BdaInputError as error:
            if not is_missing(error):
                raise
            return self._nothing_there(error)

    def _nothing_there(self, error: BdaInputError) -> dict[str, Any]:
        if self.if_missing == "fail":
            raise error
        self.log.warning("there was nothing to delete: %s", error)
        arn = self.library if self.library.startswith("arn:") else ""
        gone = JobEvent(kind=self.job.name, handle={"libraryArn": arn}, outcome=Outcome.SUCCEEDED)
        return {**self._finish(gone), "library_arn": arn or None}
