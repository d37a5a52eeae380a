"""The operator that ingests a data source into a Bedrock knowledge base."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.hooks.bedrock_knowledge_base import BedrockKnowledgeBaseHook
from airflow_provider_bda.jobs.catalog import KNOWLEDGE_BASE_INGESTION
from airflow_provider_bda.operators._base import BdaJobOperator
from airflow_provider_bda.operators._kinds import CONFLICT, BdaKindOperator

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BedrockKnowledgeBaseIngestionOperator"]


class BedrockKnowledgeBaseIngestionOperator(BdaKindOperator):
    """Ingest a data source into a knowledge base, and wait (StartIngestionJob).

    For a data source whose documents Bedrock Data Automation parses, and any other. One job at a time per data
    source: while another runs, the task waits its turn within its timeout. A killed task stops its job, and so
    does the next try of a cleared one. Also takes the arguments of
    :class:`~airflow_provider_bda.operators._base.BdaJobOperator`.

    :param knowledge_base_id: (templated) the knowledge base.
    :param data_source_id: (templated) its data source.
    :param description: (templated) what the job is called in the console.
    :param client_token: (templated) the idempotency token, 33 characters at least. None builds one that is the
        same for every try of this task instance.
    :param fail_on_partial: whether documents that failed fail the task: a COMPLETE job may hold some.
    :returns: ``kind, handle, status, partial, knowledge_base_id, data_source_id, ingestion_job_id, statistics,
        failure_reasons, started_at, updated_at``, and ``failures`` if documents failed.
    """

    job = KNOWLEDGE_BASE_INGESTION
    hook_class = BedrockKnowledgeBaseHook
    busy_codes = CONFLICT
    ui_color = "#e5d7ec"
    template_fields: Sequence[str] = (
        "knowledge_base_id",
        "data_source_id",
        "description",
        "client_token",
        *BdaJobOperator.aws_template_fields,
    )

    def __init__(
        self,
        *,
        knowledge_base_id: str,
        data_source_id: str,
        description: str | None = None,
        client_token: str | None = None,
        fail_on_partial: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.knowledge_base_id = knowledge_base_id
        self.data_source_id = data_source_id
        self.description = description
        self.client_token = client_token
        self.fail_on_partial = fail_on_partial

    @property
    def own_token(self) -> str | None:
        """The token the Dag author chose, if any."""
        return self.client_token

    def request(self, context: Any) -> dict[str, Any]:  # noqa: ARG002 - the base's signature
        """Build the request of StartIngestionJob."""
        request = {"knowledgeBaseId": self.knowledge_base_id, "dataSourceId": self.data_source_id}
        if self.description:
            request["description"] = self.description
        return request
