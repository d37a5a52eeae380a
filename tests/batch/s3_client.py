# ruff: noqa: N803 - boto3's names
"""S3 as the index's tests need it: in a dict, for thousands of examples, and with something that comes between calls."""

from __future__ import annotations

import hashlib
import io

from botocore.exceptions import ClientError


class FakeS3:
    """The calls that the index makes, as S3 answers them. `test_the_fake_answers_as_the_emulator` holds it to that."""

    def __init__(self):
        self.objects = {}

    def get_object(self, *, Bucket, Key):
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": _etag(self.objects[Key])}

    def put_object(self, *, Bucket, Key, Body, IfMatch=None, IfNoneMatch=None, Metadata=None):
        there = self.objects.get(Key)
        if IfMatch and there is None:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "PutObject")
        if (IfMatch and IfMatch != _etag(there)) or (IfNoneMatch and there is not None):
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.objects[Key] = bytes(Body)
        return {"ETag": _etag(Body)}

    def list_objects_v2(self, *, Bucket, Prefix, MaxKeys=1000, ContinuationToken=""):
        keys = sorted(key for key in self.objects if key.startswith(Prefix) and key > ContinuationToken)
        page = keys[:MaxKeys]
        contents = [
            {"Key": key, "ETag": _etag(self.objects[key]), "Size": len(self.objects[key])} for key in page
        ]
        more = len(keys) > MaxKeys
        return {"IsTruncated": more, **({"Contents": contents} if page else {})} | (
            {"NextContinuationToken": page[-1]} if more else {}
        )

    def delete_objects(self, *, Bucket, Delete):
        for item in Delete["Objects"]:
            self.objects.pop(item["Key"], None)
        return {}


class Crash(Exception):
    """The process died."""


class Interrupted:
    """An S3 client that does something else just before or just after its n-th call.

    :param before: what to do before the call of that number, from 1.
    :param after: what to do after it.
    """

    def __init__(self, s3, *, before=None, after=None):
        self.s3, self.before, self.after = s3, dict(before or {}), dict(after or {})
        self.calls = 0

    def __getattr__(self, name):
        call = getattr(self.s3, name)

        def counted(**members):
            self.calls += 1
            number = self.calls
            self.before.pop(number, _nothing)()
            answer = call(**members)
            self.after.pop(number, _nothing)()
            return answer

        return counted


def crash():
    raise Crash


def _nothing():
    pass


def _etag(body):
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
