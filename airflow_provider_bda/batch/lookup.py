"""Size and ETag of files that were only named, by one HEAD each, a few at a time and in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.batch.document import document_id_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_bda.batch.manifest import Found

#: As many as boto's pool has connections.
THREADS = 10
_MISSING = frozenset({"404", "NoSuchKey"})


def looked_up(found: Iterable[Found], s3: Any) -> Iterator[Found]:
    """Answer the documents with size and ETag; one that is not there is refused.

    Who may not look (403) gets them as they were: the service will say what it may read.

    :raises ClientError: S3 fails; a retry may mend it.
    """
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="bda-lookup")
    ahead: deque[Future[Found]] = deque()
    try:
        for one in found:
            ahead.append(pool.submit(_look, s3, one))
            if len(ahead) > 4 * THREADS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _look(s3: Any, found: Found) -> Found:
    document = found.document
    if document.size is not None and document.etag is not None:
        return found
    bucket, key = split_s3_uri(document.input_s3_uri)
    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        if code in _MISSING:
            return found._replace(
                document=replace(document, rejection="missing file: there is no such object")
            )
        if code in {"403", "AccessDenied"}:
            return found
        raise
    etag = document.etag or head["ETag"].strip('"')
    name = (
        document.document_id
        if found.given
        else document_id_of(document.input_s3_uri, etag, document.overrides)
    )
    return found._replace(document=replace(document, document_id=name, etag=etag, size=head["ContentLength"]))
