"""S3 and KMS as the submitting identity sees them: BDA reads and writes with its permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.check.findings import Finding, Verdict
from airflow_provider_bda.hooks._objects import region_of_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_bda.check.scene import Scene

_NOTE = b"Written by airflow_provider_bda.check to see whether it may; it can be deleted.\n"


def _body(s3: Any, bucket: str, key: str, **more: Any) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()
    return body


def bucket_region(scene: Scene, what: str, uri: str) -> Iterator[Finding]:
    """Compare a bucket's Region with the job's: BDA takes none of another Region."""
    bucket, _ = split_s3_uri(uri)
    answer, finding = scene.attempt(
        f"{what} bucket",
        lambda: region_of_bucket(scene.client("s3"), bucket),
        lambda region: f"{bucket} lies in {region}",
        statement=scene.statement("SeeBuckets"),
    )
    if answer and answer != scene.region:
        words = f"{bucket} lies in {answer}, the job would run in {scene.region}: they must be the same"
        finding = Finding(finding.what, Verdict.FAIL, words)
    elif finding.verdict is Verdict.FAIL and finding.detail.startswith("404"):
        finding = Finding(finding.what, Verdict.FAIL, f"there is no bucket {bucket}")
    yield finding


def read_input(scene: Scene) -> Iterator[Finding]:
    """List the input's prefix and read the first byte of the input, or of the first file under it."""
    uri = scene.plan.input_s3_uri
    if uri is None:
        return
    yield from bucket_region(scene, "input", uri)
    bucket, key = split_s3_uri(uri)
    s3 = scene.client("s3")
    listed, finding = scene.attempt(
        "list the input",
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=10).get("Contents", []),
        lambda found: (
            f"{len(found)} or more objects under {uri}" if len(found) == 10 else f"{len(found)} under {uri}"
        ),
        statement=scene.statement("SeeBuckets"),
    )
    yield finding
    if key.endswith("/") or not key:
        key = next((item["Key"] for item in listed or [] if item["Size"]), "")
    if not key:
        yield Finding("read the input", Verdict.CANNOT_TELL, f"no file was seen under {uri} to try it with")
        return
    _, finding = scene.attempt(
        "read the input",
        lambda: _body(s3, bucket, key, Range="bytes=0-0"),
        f"s3://{bucket}/{key}",
        statement=scene.statement("ReadInput"),
    )
    yield finding


def write_output(scene: Scene) -> Iterator[Finding]:
    """Put, read and delete a small object under the output's prefix."""
    uri = scene.plan.output_s3_uri
    if uri is None:
        return
    yield from bucket_region(scene, "output", uri)
    bucket, prefix = split_s3_uri(f"{uri.rstrip('/')}/_airflow_bda_check/{uuid4()}")
    s3 = scene.client("s3")
    answer, finding = scene.attempt(
        "write the output",
        lambda: s3.put_object(Bucket=bucket, Key=prefix, Body=_NOTE),
        f"s3://{bucket}/{prefix}",
        statement=scene.statement("WriteOutput"),
    )
    yield finding
    if answer is None:
        yield Finding("read the output", Verdict.CANNOT_TELL, "nothing could be written to read")
    else:
        yield from _read_and_delete(scene, bucket, prefix)
    yield from _key(scene, bucket, f"{prefix}.kms", answer)


def _read_and_delete(scene: Scene, bucket: str, key: str) -> Iterator[Finding]:
    s3 = scene.client("s3")
    yield scene.attempt(
        "read the output",
        lambda: _body(s3, bucket, key),
        "what was written could be read",
        statement=scene.statement("ReadResults"),
    )[1]
    _, finding = scene.attempt(
        "delete in the output",
        lambda: s3.delete_object(Bucket=bucket, Key=key),
        "what was written is deleted",
        statement=scene.statement("CleanUp"),
        optional=True,  # jobs need no delete
    )
    if finding.verdict is not Verdict.PASS:
        words = f"{finding.detail}; jobs do not need it, but s3://{bucket}/{key} stays"
        finding = Finding(finding.what, finding.verdict, words, finding.statement)
    yield finding


def _key(scene: Scene, bucket: str, key: str, written: dict[str, Any] | None) -> Iterator[Finding]:
    """Encrypt and decrypt a small object with the customer's key."""
    what, wanted = "KMS key", scene.plan.kms_key_id
    if not wanted:
        used = (written or {}).get("SSEKMSKeyId")
        words = (
            f"none was named; the bucket's own is {used}"
            if used
            else "none was named, and the bucket asks for none"
        )
        verdict = Verdict.CANNOT_TELL if written is None else Verdict.PASS
        yield Finding(what, verdict, words if written is not None else "nothing could be written to see")
        return
    s3 = scene.client("s3")
    allow = scene.statement("UseKey")

    def use() -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=_NOTE, ServerSideEncryption="aws:kms", SSEKMSKeyId=wanted)
        _body(s3, bucket, key)

    _, finding = scene.attempt(
        what,
        use,
        f"{wanted} encrypts and decrypts; kms:CreateGrant and kms:DescribeKey were not tried",
        statement=allow,
    )
    yield finding
    scene.attempt(what, lambda: s3.delete_object(Bucket=bucket, Key=key), "")
