"""How much memory and time 100,000 documents take to become Parquet: ``python -m benchmarks.tables [documents]``.

S3 is stood in for by a folder, and outputs are made up when they are asked for: what is measured is ours. Memory is the growth
of the process's own peak, over a run with 1,000 documents that has loaded everything there is to load.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from airflow_provider_bda.batch.bodies import Body
from airflow_provider_bda.batch.rows import Row
from airflow_provider_bda.results import CustomOutput
from airflow_provider_bda.tables.read import Outputs
from airflow_provider_bda.tables.shapes import shape_of_schema
from airflow_provider_bda.tables.write import Options, write_dataset

_FIELDS = {f"field_{number}": {"type": "number" if number % 3 == 0 else "string"} for number in range(12)}
_LINE = {"type": "object", "properties": {"what": {"type": "string"}, "amount": {"type": "number"}}}
SHAPE = shape_of_schema({"properties": {**_FIELDS, "lines": {"type": "array", "items": _LINE}}})


class Folder:
    """The calls of S3 that writing makes, on a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._uploads: dict[str, list[bytes]] = {}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto's
        path = self.root / Key
        if not path.exists():
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "none"}}, "GetObject")
        return {"Body": _Body(path.read_bytes()), "ETag": "e"}

    def put_object(self, Bucket: str, Key: str, Body: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803 - boto's
        path = self.root / Key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Body)
        return {"ETag": "e"}

    def create_multipart_upload(self, Bucket: str, Key: str, **_: Any) -> dict[str, str]:  # noqa: N803 - boto's
        (self.root / Key).parent.mkdir(parents=True, exist_ok=True)
        (self.root / Key).write_bytes(b"")
        return {"UploadId": Key}

    def upload_part(self, Key: str, Body: bytes, **_: Any) -> dict[str, str]:  # noqa: N803 - boto's
        with (self.root / Key).open("ab") as file:
            file.write(Body)
        return {"ETag": "e"}

    def complete_multipart_upload(self, **_: Any) -> None:
        pass

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803 - boto's
        return [{}]


class _Body(io.BytesIO):
    def iter_chunks(self, size: int) -> Any:
        return iter(lambda: self.read(size), b"")


def output_of(row: Row) -> Body:
    """Make up what a job found."""
    number = int(row.document_id)
    values: dict[str, Any] = {
        name: number * 1.5 if about["type"] == "number" else f"value {number} of {name}"
        for name, about in _FIELDS.items()
    }
    values["lines"] = [{"what": f"line {line}", "amount": line + 0.5} for line in range(5)]
    body = {
        "matched_blueprint": {
            "arn": "arn:aws:bedrock:us-east-1:1:blueprint/b",
            "name": "invoice",
            "version": "1",
        },
        "inference_result": values,
        "explainability_info": [
            {
                name: {"value": value, "confidence": 0.9, "success": True}
                for name, value in values.items()
                if name != "lines"
            }
        ],
    }
    return Body((("MATCH", CustomOutput.from_dict(json.loads(json.dumps(body)))),), 1)


def run(documents: int, nested: str) -> dict[str, Any]:
    """Write a dataset; answer seconds, rows and the process's peak."""
    rows = (
        Row(document_id=str(number), input_s3_uri=f"s3://b/{number}", status="succeeded", completed_at=1.0)
        for number in range(documents)
    )
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = write_dataset(
            Folder(Path(folder)),
            "s3://bucket/lake",
            batch_id="b",
            date="2026-01-01",
            documents=rows,
            outputs=Outputs(output_of),
            declared=lambda _arn, _version: SHAPE,
            options=Options(nested=nested, confidence=True),
        )
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet"))
    return {
        "rows": {name: table["rows"] for name, table in report["tables"].items()},
        "seconds": round(time.monotonic() - began, 1),
        "parquet_mb": round(size / 2**20, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main() -> None:
    """Measure, and print."""
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    nested = sys.argv[2] if len(sys.argv) > 2 else "struct"
    warm = run(1_000, nested)
    full = run(documents, nested)
    print("1,000 documents:", warm)
    print(f"{documents:,} documents:", full)
    print(f"growth of the peak: {full['peak_mb'] - warm['peak_mb']:.1f} MB")


if __name__ == "__main__":
    main()
