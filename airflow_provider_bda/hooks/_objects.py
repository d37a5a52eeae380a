"""Result files on S3, read with a hook's own connection: its role, endpoint table, proxy and CA bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from airflow_provider_bda.aws import split_s3_uri

if TYPE_CHECKING:
    from airflow_provider_bda.hooks.base import BdaBaseHook

_MISSING = frozenset({"404", "NoSuchBucket", "NoSuchKey"})


def read_object(hook: BdaBaseHook, uri: str) -> bytes:
    """Read one object.

    :raises FileNotFoundError: there is no such object. (Without ``s3:ListBucket`` AWS says AccessDenied.)
    """
    bucket, key = split_s3_uri(uri)
    try:
        body: bytes = _client(hook).get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _MISSING:
            raise FileNotFoundError(uri) from error
        raise
    return body


def read_first(hook: BdaBaseHook, folder: str, *names: str) -> tuple[str, bytes]:
    """Read the first of the named objects that is in a folder, else the only one whose name ends as the first's.

    :param names: what the file is called, the likeliest first; AWS does not publish every name.
    :raises FileNotFoundError: there is none of them.
    """
    root = folder.rstrip("/")
    for name in names:
        try:
            return f"{root}/{name}", read_object(hook, f"{root}/{name}")
        except FileNotFoundError:
            continue
    bucket, prefix = split_s3_uri(f"{root}/")
    ending = names[0][names[0].rfind(".") :]
    pages = _client(hook).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [row["Key"] for page in pages for row in page.get("Contents", []) if row["Key"].endswith(ending)]
    if len(keys) != 1:
        raise FileNotFoundError(f"{root}/{names[0]}")
    return f"s3://{bucket}/{keys[0]}", read_object(hook, f"s3://{bucket}/{keys[0]}")


def region_of_bucket(s3: Any, bucket: str) -> str | None:
    """Answer a bucket's Region, which AWS tells even where it denies the rest."""
    try:
        answer = s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        if region := headers.get("x-amz-bucket-region"):
            return str(region)
        raise
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return str(answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or "us-east-1")


def _client(hook: BdaBaseHook) -> Any:
    cached = hook.__dict__.get("_s3_client")
    if cached is None:
        cached = hook.__dict__["_s3_client"] = hook.client_of("s3")
    return cached
