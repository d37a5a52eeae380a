"""Batches for the demo of the UI: many copies of its documents, some of them spoilt, and a run of each Dag."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bda.emulator import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_rest import AirflowRest

#: Documents of each batch.
SIZES = {"running": 900, "finished": 80, "portion": 30, "stopped": 20}
#: What is no document: the service rejects it, or the batch before it submits anything.
SPOILT = {
    "encrypted.pdf": b"%PDF-1.7\n/Encrypt and nothing else",
    "no-picture.png": b"this is no picture",
    "empty.pdf": b"",
    "notes.xyz": b"nothing the service takes",
}
#: Documents between two that are spoilt.
EVERY = 12


def with_batches(example_dags: Path, folder: Path) -> Path:
    """Copy the example Dags and those of the batches into one folder, and answer it."""
    shutil.copytree(example_dags, folder, dirs_exist_ok=True)
    shutil.copytree(Path(__file__).parent / "dags", folder, dirs_exist_ok=True)
    return folder


def start_batches(
    aws: Emulator,
    rest: AirflowRest,
    bucket: str,
    documents: Mapping[str, Path],
    project: str,
    sizes: Mapping[str, int] = SIZES,
) -> dict[str, str]:
    """Put the documents of the batches on S3 and start them; answer their runs."""
    # The service's own fault, now and then: such a document goes again.
    aws.fault(
        Fault(input_uri="*/batch/*-07?.*", job_status="ServiceError", error_type="InternalServerException")
    )
    s3 = aws.client("s3")
    bodies = [(name, path.read_bytes()) for name, path in documents.items()]
    runs = {}
    for name, size in sizes.items():
        dag_id = f"bda_demo_{name}"
        rest.wait_for_dag(dag_id)
        prefix = f"batch/{name}/"
        for number in range(size):
            given, body = bodies[number % len(bodies)]
            if number % EVERY == EVERY - 1 or (name == "stopped" and number >= 3):
                given, body = list(SPOILT.items())[number // EVERY % len(SPOILT)]
            stem, _, suffix = given.rpartition(".")
            key = f"{prefix}{number:04d}-{stem.replace('/', '-')}-{number % 1000:03d}.{suffix}"
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        conf = {
            "source": f"s3://{bucket}/{prefix}",
            "output_s3_uri": f"s3://{bucket}/out",
            "project": project,
        }
        runs[name] = rest.trigger(dag_id, conf)
    return runs
