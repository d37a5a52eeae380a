"""The batch's files on S3, read and written from an event loop.

A call that fails for a reason that passes (throttling, 5xx, connection, stale credentials) is made again until
``PATIENCE`` seconds have gone by: a batch must not die of a hiccup.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_bda.aws import split_s3_uri, tagging
from airflow_provider_bda.jobs.decision import Nature
from airflow_provider_bda.waiting.client_pool import client_pool
from airflow_provider_bda.waiting.errors import CALL_ERRORS, REFUSALS, call_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from airflow_provider_bda.aws import AwsTarget

T = TypeVar("T")

#: Seconds a failing call is tried again, and the longest pause between two tries.
PATIENCE = 600.0
LONGEST_PAUSE = 20.0
CALL_TIMEOUT = 90.0
#: What S3 answers to If-None-Match where the object is there, and to If-Match where it is another; and where another write of
#: it is under way.
_THERE = frozenset({"PreconditionFailed", "412"})
_BUSY = frozenset({"ConditionalRequestConflict", "409", "OperationAborted"})
_MISSING = frozenset({"NoSuchKey", "404", "NotFound"})


class StoreError(Exception):
    """S3 did not do what was asked, and asking again would not help or was in vain.

    :param code: the service's error code.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class S3Store:
    """Whole objects by their URI.

    :param target: which AWS, and as whom.
    """

    def __init__(self, target: AwsTarget) -> None:
        self._target = target
        #: S3 object tags of what is written from now on.
        self.tags: Mapping[str, str] = {}

    async def get(self, uri: str, most: int | None = None) -> bytes:
        """Read an object (GetObject).

        :param most: read no more bytes than this.
        :raises FileNotFoundError: there is none.
        :raises StoreError: S3 refused or did not come back.
        """
        bucket, key = split_s3_uri(uri)

        async def read(client: Any) -> bytes:
            span = {} if most is None else {"Range": f"bytes=0-{most - 1}"}
            answer = await client.get_object(Bucket=bucket, Key=key, **span)
            async with answer["Body"] as body:
                return bytes(await body.read())

        return await self._call(uri, read)

    async def etag(self, uri: str) -> str | None:
        """Answer which version of an object there is (HeadObject); None if there is none.

        :raises StoreError: S3 refused or did not come back.
        """
        bucket, key = split_s3_uri(uri)

        async def head(client: Any) -> str:
            return str((await client.head_object(Bucket=bucket, Key=key))["ETag"])

        try:
            return await self._call(uri, head)
        except FileNotFoundError:
            return None

    async def put(
        self, uri: str, body: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> bool:
        """Write an object (PutObject).

        :param if_absent: leave one that is there alone.
        :param if_match: replace this version alone, by its ETag. Where a write was repeated because its answer was lost, this
            answers False though it was written.
        :return: whether it was written.
        :raises StoreError: S3 refused or did not come back.
        """
        bucket, key = split_s3_uri(uri)
        more = ({"IfNoneMatch": "*"} if if_absent else {}) | tagging(self.tags)
        if if_match is not None:
            more["IfMatch"] = if_match

        async def write(client: Any) -> bool:
            await client.put_object(Bucket=bucket, Key=key, Body=body, **more)
            return True

        try:
            return await self._call(uri, write)
        except FileNotFoundError:
            if if_match is not None:
                return False
            raise
        except StoreError as error:
            if (if_absent or if_match is not None) and error.code in _THERE:
                return False
            raise

    async def list(self, prefix_uri: str, after: str = "") -> list[str]:
        """Answer the URIs under a prefix, sorted (ListObjectsV2).

        :param after: leave out what does not come after this name below the prefix.
        :raises StoreError: S3 refused or did not come back.
        """
        bucket, prefix = split_s3_uri(prefix_uri)
        found: list[str] = []
        token: dict[str, str] = {"StartAfter": prefix + after} if after else {}
        while True:

            async def page(client: Any, token: dict[str, str] = token) -> dict[str, Any]:
                answer: dict[str, Any] = await client.list_objects_v2(Bucket=bucket, Prefix=prefix, **token)
                return answer

            answer = await self._call(prefix_uri, page)
            found += [f"s3://{bucket}/{item['Key']}" for item in answer.get("Contents", ())]
            if not answer.get("NextContinuationToken"):
                return found
            token = {"ContinuationToken": answer["NextContinuationToken"]}

    async def _call(self, uri: str, call: Callable[[Any], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        give_up, pause = loop.time() + PATIENCE, 0.2
        pool = client_pool()
        while True:
            client = None
            try:
                async with asyncio.timeout(CALL_TIMEOUT):
                    client = await pool.client(self._target, "s3")
                    answer = await call(client)
            except CALL_ERRORS as raised:
                error = call_error(raised)
                if error.code in _MISSING:
                    raise FileNotFoundError(f"{uri} does not exist") from raised
                newer = (
                    client is not None and error.code in REFUSALS and pool.refused(self._target, "s3", client)
                )
                wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
                passes = error.nature in {Nature.THROTTLED, Nature.TRANSIENT} or error.code in _BUSY or newer
                if not passes or loop.time() + wait > give_up:
                    raise StoreError(f"{uri}: {error.code}: {error.message}", error.code) from raised
                await asyncio.sleep(wait)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                return answer
