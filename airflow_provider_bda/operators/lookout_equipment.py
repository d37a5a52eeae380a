"""The operator for data ingestion of Amazon Lookout for Equipment, a service that AWS ended on 2026-10-07."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.hooks.lookout_equipment import SERVICE_ENDED, LookoutEquipmentHook
from airflow_provider_bda.jobs.catalog import EQUIPMENT_INGESTION
from airflow_provider_bda.operators._base import BdaJobOperator
from airflow_provider_bda.operators._kinds import CONFLICT, BdaKindOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LookoutEquipmentStartDataIngestionJobOperator"]


class LookoutEquipmentStartDataIngestionJobOperator(BdaKindOperator):
    """Ingest sensor data into a dataset of Amazon Lookout for Equipment, and wait (StartDataIngestionJob).

    AWS ended this service on 2026-10-07: without an endpoint that still answers, the task fails and says so.
    Also takes the arguments of :class:`~airflow_provider_bda.operators._base.BdaJobOperator`.

    :param dataset_name: (templated) the dataset.
    :param bucket: (templated) the S3 bucket of the input.
    :param prefix: (templated) where in the bucket the input is; ends in "/".
    :param key_pattern: (templated) which objects are read, e.g. ``{prefix}/{component_name}_*``. The service
        wants it for a dataset's first ingestion.
    :param role_arn: (templated) the role with which the service reads the input.
    :param client_token: (templated) the idempotency token. None builds one that is the same for every try of
        this task instance.
    :param fail_on_partial: whether discarded files fail the task: a job may succeed in spite of them.
    :returns: ``kind, handle, status, partial, job_id, dataset_arn, created_at, status_detail,
        ingested_data_size, data_start_time, data_end_time, ingested_files_summary, data_quality_summary``, and
        ``failures`` if files were discarded.
    """

    job = EQUIPMENT_INGESTION
    hook_class = LookoutEquipmentHook
    busy_codes = CONFLICT
    ui_color = "#ece9d7"
    lineage_inputs = ("input_s3_uri",)
    template_fields: Sequence[str] = (
        "dataset_name",
        "bucket",
        "prefix",
        "key_pattern",
        "role_arn",
        "client_token",
        *BdaJobOperator.aws_template_fields,
    )

    def __init__(
        self,
        *,
        dataset_name: str,
        bucket: str,
        prefix: str | None = None,
        key_pattern: str | None = None,
        role_arn: str,
        client_token: str | None = None,
        fail_on_partial: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.dataset_name = dataset_name
        self.bucket = bucket
        self.prefix = prefix
        self.key_pattern = key_pattern
        self.role_arn = role_arn
        self.client_token = client_token
        self.fail_on_partial = fail_on_partial

    @property
    def own_token(self) -> str | None:
        """The token the Dag author chose, if any."""
        return self.client_token

    @property
    def input_s3_uri(self) -> str:
        """Where the sensor data lie, as one URI."""
        return f"s3://{self.bucket}/{self.prefix or ''}"

    def request(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - the base's signature
        """Build the request of StartDataIngestionJob."""
        self.log.warning("%s", SERVICE_ENDED)
        source = {"Bucket": self.bucket}
        if self.prefix:
            source["Prefix"] = self.prefix
        if self.key_pattern:
            source["KeyPattern"] = self.key_pattern
        return {
            "DatasetName": self.dataset_name,
            "IngestionInputConfiguration": {"S3InputConfiguration": source},
            "RoleArn": self.role_arn,
        }
