"""Hook for asynchronous invokes of Bedrock models: start, ask, list, and what a finished one left on S3.

Unlike the data-automation service this one can list, so a job whose handle was lost is found again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.hooks._job_files import read_embedding
from airflow_provider_bda.hooks.base import BdaBaseHook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from airflow_provider_bda.results.embedding import EmbeddingResult

__all__ = ["AsyncInvokes", "BedrockAsyncInvokeHook"]


class AsyncInvokes:
    """The summaries of a list, one by one, and where to go on.

    :param pages: boto3's iterator over the pages.
    """

    def __init__(self, pages: Any) -> None:
        self._pages = pages
        self._rows: Iterator[dict[str, Any]] = (row for page in pages for row in page["asyncInvokeSummaries"])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate: once, as over any iterator."""
        return self

    def __next__(self) -> dict[str, Any]:
        """Answer the next summary."""
        return next(self._rows)

    @property
    def resume_token(self) -> str | None:
        """What to pass as ``starting_token`` to go on behind the last summary; None if there is no more.

        Known once ``max_items`` have been taken.
        """
        token: str | None = self._pages.resume_token
        return token


class BedrockAsyncInvokeHook(BdaBaseHook):
    """Run a Bedrock model asynchronously, and find its invokes again.

    Takes the arguments of the Amazon provider's ``AwsBaseHook``. A connection that is named and does not exist
    is an error. Each operation is a method of its boto3 name.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["client_type"] = "bedrock-runtime"
        super().__init__(*args, **kwargs)

    def start_async_invoke(self, **request: Any) -> dict[str, Any]:
        """Start an invoke; pass ``clientRequestToken``, or a retry buys a second one."""
        return self.call("start_async_invoke", request)

    def get_async_invoke(self, **request: Any) -> dict[str, Any]:
        """Answer the invoke ``invocationArn``."""
        return self.call("get_async_invoke", request)

    def list_async_invokes(self, **request: Any) -> dict[str, Any]:
        """Answer one page of invokes; :meth:`iter_async_invokes` walks all."""
        return self.call("list_async_invokes", request)

    def iter_async_invokes(
        self,
        submit_time_after: datetime | None = None,
        submit_time_before: datetime | None = None,
        status_equals: str | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        max_items: int | None = None,
        page_size: int | None = None,
        starting_token: str | None = None,
    ) -> AsyncInvokes:
        """Iterate over the account's invokes: the whole of boto3's ListAsyncInvokes paginator.

        :param submit_time_after: only those submitted after this moment.
        :param submit_time_before: only those submitted before this moment.
        :param status_equals: "InProgress", "Completed" or "Failed".
        :param sort_by: "SubmissionTime".
        :param sort_order: "Ascending" or "Descending".
        :param max_items: how many to answer at most; then ``resume_token`` of the answer says where to go on.
        :param page_size: how many a call answers at most, 1 to 1,000.
        :param starting_token: the ``resume_token`` of an earlier iteration.
        """
        filters = {
            "submitTimeAfter": submit_time_after,
            "submitTimeBefore": submit_time_before,
            "statusEquals": status_equals,
            "sortBy": sort_by,
            "sortOrder": sort_order,
        }
        paging = {"MaxItems": max_items, "PageSize": page_size, "StartingToken": starting_token}
        client: Any = self.conn
        return AsyncInvokes(
            client.get_paginator("list_async_invokes").paginate(
                **_given(filters), PaginationConfig=_given(paging)
            )
        )

    def find_by_token(self, token: str, submit_time_after: datetime | None = None) -> str | None:
        """Answer the ARN of the newest invoke with a request token, if there is one: how a lost handle is found."""
        rows = self.iter_async_invokes(submit_time_after, sort_by="SubmissionTime", sort_order="Descending")
        return next(
            (str(row["invocationArn"]) for row in rows if row.get("clientRequestToken") == token), None
        )

    def get_embedding_result(self, invocation_arn: str, output_s3_uri: str) -> EmbeddingResult:
        """Read what an embedding model says of its segments.

        :param output_s3_uri: where the service says it wrote, with or without the invoke's own folder.
        :raises FileNotFoundError: the model left no such file: other models leave others.
        """
        return read_embedding(self, invocation_arn, output_s3_uri)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
