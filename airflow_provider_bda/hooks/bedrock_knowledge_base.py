"""Hook for ingestion jobs of Bedrock knowledge bases: the four operations an ingestion needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.hooks.base import BdaBaseHook

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BedrockKnowledgeBaseHook"]


class BedrockKnowledgeBaseHook(BdaBaseHook):
    """Start, follow, list and stop the ingestion jobs of a knowledge base.

    Takes the arguments of the Amazon provider's ``AwsBaseHook``; ``hook.conn`` is the whole client.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["client_type"] = "bedrock-agent"
        super().__init__(*args, **kwargs)

    def start_ingestion_job(self, **request: Any) -> dict[str, Any]:
        """Start an ingestion job; ConflictException while the data source has another."""
        return self.call("start_ingestion_job", request)

    def get_ingestion_job(self, **request: Any) -> dict[str, Any]:
        """Answer one job with its statistics."""
        return self.call("get_ingestion_job", request)

    def stop_ingestion_job(self, **request: Any) -> dict[str, Any]:
        """Tell a job to stop."""
        return self.call("stop_ingestion_job", request)

    def list_ingestion_jobs(self, **request: Any) -> dict[str, Any]:
        """Answer one page of jobs; :meth:`iter_ingestion_jobs` walks all."""
        return self.call("list_ingestion_jobs", request)

    def iter_ingestion_jobs(self, **request: Any) -> Iterator[dict[str, Any]]:
        """Yield the summary of every job of ``knowledgeBaseId`` and ``dataSourceId``, over all pages."""
        client: Any = self.conn
        for page in client.get_paginator("list_ingestion_jobs").paginate(**request):
            yield from page["ingestionJobSummaries"]
