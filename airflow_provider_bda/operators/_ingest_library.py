"""The operator that puts entities into a library of Bedrock Data Automation, or takes them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_bda._checks import (
    check_choice,
    check_each,
    check_object_uri,
    check_s3_uri,
    check_tags,
)
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationHook
from airflow_provider_bda.jobs.catalog import LIBRARY_INGESTION
from airflow_provider_bda.operators._aws import BdaAwsOperator
from airflow_provider_bda.operators._kinds import CONFLICT, BdaKindOperator
from airflow_provider_bda.operators._resource import given
from airflow_provider_bda.operators._tags import notification_and_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_UPSERTS = 10
_MOST_DELETES = 1_000


class BdaIngestLibraryOperator(BdaKindOperator):
    """Put entities into a library or take them out, and wait (InvokeDataAutomationLibraryIngestionJob).

    One job at a time per library: while another runs, the task waits its turn within its timeout. Give exactly
    one of ``upsert_entities``, ``delete_entity_ids`` and ``manifest_s3_uri``. Also takes the arguments of
    :class:`~airflow_provider_bda.operators._base.BdaJobOperator`.

    :param library: (templated) its ARN or name.
    :param output_s3_uri: (templated) the prefix under which the job writes its result.
    :param upsert_entities: (templated) up to ten entities; one with the id of another replaces it whole. As the
        API has them (``{"vocabulary": {...}}``) or without that wrapper; phrases may be plain strings.
    :param delete_entity_ids: (templated) up to 1,000 ids.
    :param manifest_s3_uri: (templated) a JSONL object with entities (or ids, to delete), for more than that.
    :param manifest_version: (templated) the object's version.
    :param operation_type: (templated) "UPSERT" or "DELETE": what a manifest is for.
    :param entity_type: (templated) so far the service has "VOCABULARY" only.
    :param event_bridge_enabled: (templated) whether the service also sends events to EventBridge.
    :param tags: (templated) tags of the job; ``airflow_dag_id`` and ``airflow_task_id`` are added.
    :param client_token: (templated) the idempotency token, 33 characters at least. None builds one that is the
        same for every try of this task instance.
    :param fail_on_partial: whether entities that failed fail the task.
    :returns: ``kind, handle, status, partial, job_arn, library_arn, entity_type, operation_type, output_s3_uri,
        creation_time, completion_time``, and ``failures`` if entities failed.
    """

    job = LIBRARY_INGESTION
    hook_class = BedrockDataAutomationHook
    busy_codes = CONFLICT
    template_fields: Sequence[str] = (
        "library",
        "output_s3_uri",
        "upsert_entities",
        "delete_entity_ids",
        "manifest_s3_uri",
        "manifest_version",
        "operation_type",
        "entity_type",
        "event_bridge_enabled",
        "tags",
        "client_token",
        *BdaAwsOperator.aws_template_fields,
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"upsert_entities": "json", "tags": "json"}
    lineage_inputs = ("manifest_s3_uri",)
    lineage_outputs = ("output_s3_uri",)

    def __init__(
        self,
        *,
        library: str,
        output_s3_uri: str,
        upsert_entities: list[dict[str, Any]] | None = None,
        delete_entity_ids: list[str] | None = None,
        manifest_s3_uri: str | None = None,
        manifest_version: str | None = None,
        operation_type: str | None = None,
        entity_type: str = "VOCABULARY",
        event_bridge_enabled: bool | str = False,
        tags: dict[str, str] | None = None,
        client_token: str | None = None,
        fail_on_partial: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.library = library
        self.output_s3_uri = output_s3_uri
        self.upsert_entities = upsert_entities
        self.delete_entity_ids = delete_entity_ids
        self.manifest_s3_uri = manifest_s3_uri
        self.manifest_version = manifest_version
        self.operation_type = operation_type
        self.entity_type = entity_type
        self.event_bridge_enabled = event_bridge_enabled
        self.tags = tags
        self.client_token = client_token
        self.fail_on_partial = fail_on_partial
        self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        checks = {
            "output_s3_uri": (self.output_s3_uri, check_s3_uri),
            "manifest_s3_uri": (self.manifest_s3_uri, check_object_uri),
            "tags": (self.tags, check_tags),
            "operation_type": (
                self.operation_type,
                lambda name, value: check_choice(name, value, "UPSERT", "DELETE"),
            ),
        }
        check_each(checks, everything=everything)
        inputs = (self.upsert_entities, self.delete_entity_ids, self.manifest_s3_uri)
        if sum(value is not None for value in inputs) != 1:
            raise BdaInputError(
                "upsert_entities, delete_entity_ids, manifest_s3_uri: give exactly one of them"
            )
        if self.manifest_s3_uri is not None and self.operation_type is None:
            raise BdaInputError('operation_type: say whether the manifest is to "UPSERT" or "DELETE"')
        if self.manifest_version is not None and self.manifest_s3_uri is None:
            raise BdaInputError("manifest_version: it needs manifest_s3_uri=")
        if everything:
            _check_size("upsert_entities", self.upsert_entities, _MOST_UPSERTS)
            _check_size("delete_entity_ids", self.delete_entity_ids, _MOST_DELETES)

    @property
    def own_token(self) -> str | None:
        """The token the Dag author chose, if any."""
        return self.client_token

    def request(self, context: Any) -> dict[str, Any]:
        """Build the request of InvokeDataAutomationLibraryIngestionJob."""
        self._check(everything=True)
        operation, source = self._input()
        request: dict[str, Any] = {
            "libraryArn": self.hook.library_arn(self.library),
            "inputConfiguration": source,
            "entityType": self.entity_type,
            "operationType": operation,
            "outputConfiguration": {"s3Uri": self.output_s3_uri.rstrip("/")},
        }
        return request | notification_and_tags(
            context, self.tags, event_bridge_enabled=self.event_bridge_enabled
        )

    def _input(self) -> tuple[str, dict[str, Any]]:
        if self.manifest_s3_uri is not None:
            version = given(version=self.manifest_version)
            return str(self.operation_type), {"s3Object": {"s3Uri": self.manifest_s3_uri, **version}}
        payload: dict[str, Any]
        if self.upsert_entities is not None:
            rows = [_entity(row) for row in self.upsert_entities]
            operation, payload = "UPSERT", {"upsertEntitiesInfo": rows}
        else:
            operation, payload = (
                "DELETE",
                {"deleteEntitiesInfo": {"entityIds": list(self.delete_entity_ids or ())}},
            )
        if self.operation_type not in {None, operation}:
            raise BdaInputError(
                f"operation_type: {self.operation_type} does not go with what is given to {operation}"
            )
        return operation, {"inlinePayload": payload}


def _check_size(name: str, items: list[Any] | None, most: int) -> None:
    if items is not None and not 1 <= len(items) <= most:
        raise BdaInputError(
            f"{name}: {len(items)} items; the service takes 1 to {most:,} in a request. For more, pass "
            "manifest_s3_uri="
        )


def _entity(row: dict[str, Any]) -> dict[str, Any]:
    vocabulary = dict(row["vocabulary"]) if "vocabulary" in row else dict(row)
    phrases = vocabulary.get("phrases") or []
    vocabulary["phrases"] = [{"text": item} if isinstance(item, str) else item for item in phrases]
    return {"vocabulary": vocabulary}
