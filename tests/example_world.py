"""What the example Dags' parameters name: buckets with documents, blueprints and projects; one by one, or all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from demo.documents import BLUEPRINTS, make_documents
from tests.pdf import a_pdf

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from airflow_provider_bda.emulator import Emulator

EXAMPLES = Path(__file__).parents[1] / "example_dags"
#: The blueprint that lies beside the examples.
SCHEMA: dict[str, Any] = json.loads(EXAMPLES.joinpath("blueprints/invoice.json").read_text())
REGIONS = ("eu-central-1", "us-east-1", "us-west-2")
#: The part of it that is no resource.
SETTINGS: dict[str, Any] = {
    "durations": {"project": 0.5},
    "data_sources": {"DS00000001": "s3://documents/kb/"},
    "optimization_metrics": {"before": {"f1": 0.5}, "after": {"f1": 0.9}},
}


def invoice(number: int) -> bytes:
    """Make a PDF with a number and a total."""
    total = b" 0 -20 Td (Total: %d.50) Tj" % number
    pdf = a_pdf(number).replace(b") Tj ET", b") Tj" + total + b" ET")
    return pdf.replace(b"/Length 60", b"/Length %d" % (60 + len(total)))


def make_bucket(
    aws: Emulator, objects: Mapping[str, bytes], *, name: str = "documents", region: str | None = None
) -> None:
    """Create a bucket with objects."""
    region = region or aws.region
    s3 = aws.client("s3", region_name=region)
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)
    for key, body in objects.items():
        s3.put_object(Bucket=name, Key=key, Body=body)


def make_blueprint(aws: Emulator, name: str, schema: Mapping[str, Any] = SCHEMA) -> str:
    """Create a blueprint and answer its ARN."""
    made = aws.client("bedrock-data-automation").create_blueprint(
        blueprintName=name, type="DOCUMENT", schema=json.dumps(schema)
    )
    return str(made["blueprint"]["blueprintArn"])


def make_project(
    aws: Emulator, *blueprints: str, name: str = "invoices", region: str | None = None, **options: Any
) -> None:
    """Create a project with blueprints, by ARN."""
    if blueprints:
        options["customOutputConfiguration"] = {"blueprints": [{"blueprintArn": arn} for arn in blueprints]}
    control = aws.client("bedrock-data-automation", region_name=region or aws.region)
    control.create_data_automation_project(projectName=name, standardOutputConfiguration={}, **options)


def objects_in(aws: Emulator, bucket: str, prefix: str = "") -> dict[str, bytes]:
    """Read the objects below a prefix, by key."""
    s3 = aws.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def stored(aws: Emulator, uri: str) -> bytes:
    """Read an object."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bytes(aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def furnish(aws: Emulator, folder: Path) -> None:
    """Make all that the examples name by default, so that they run together.

    The bucket "documents" has one invoice, 00007; the prefix in/ of "my-bucket" three, 00001 to 00003.

    :param folder: an empty one, to draw documents in.
    """
    drawn = {path.name: path.read_bytes() for path in make_documents(folder)}
    truth = [
        {
            "input_s3_uri": f"s3://my-bucket/golden/{number}.pdf",
            "fields": {"invoice_number": f"{number:05d}", "total": number + 0.5},
        }
        for number in (1, 2)
    ]
    documents = {
        "in/invoice.pdf": invoice(7),
        "in/receipt.pdf": drawn["receipt-cafe-lumen.pdf"],
        "in/contract.txt": b"Whoever signs this has read it.",
        "truth/invoice.json": b'{"invoice_number": "00007", "total": 7.5}',
        "sensors/pump/a.csv": b"Timestamp,flow\n2026-01-01T00:00:00,1.5\n",
        "kb/a.txt": b"words",
    }
    mine = {
        "in/invoice.pdf": invoice(1),
        "in/b.pdf": invoice(2),
        "in/c.pdf": invoice(3),
        "golden/1.pdf": invoice(1),
        "golden/2.pdf": invoice(2),
        "truth/golden.jsonl": "\n".join(map(json.dumps, truth)).encode(),
    }
    make_bucket(aws, documents)
    make_bucket(aws, mine, name="my-bucket")
    for region in REGIONS:
        make_bucket(aws, {"in/1.pdf": invoice(1)}, name=f"my-bucket-{region}", region=region)
        if region != aws.region:
            make_project(aws, name="my-project", region=region)
    supplier = make_blueprint(aws, "supplier-invoice")
    make_project(aws, supplier, name="invoices")
    make_project(aws, supplier, name="my-project")
    make_project(
        aws, make_blueprint(aws, "receipt", BLUEPRINTS["receipt"]), name="receipts", projectType="SYNC"
    )
    control = aws.client("bedrock-data-automation")
    golden = make_blueprint(aws, "golden-invoice")
    control.copy_blueprint_stage(blueprintArn=golden, sourceStage="LIVE", targetStage="DEVELOPMENT")
    control.create_data_automation_library(libraryName="superfluous-names")


def conf(aws: Emulator) -> dict[str, dict[str, Any]]:
    """Answer the parameters that an example must be given, or that keep it out of another's way."""
    uris = [f"s3://my-bucket/{key}" for key in objects_in(aws, "my-bucket", "in/")]
    blueprints = aws.client("bedrock-data-automation").list_blueprints()["blueprints"]
    golden = next(item["blueprintArn"] for item in blueprints if item["blueprintName"] == "golden-invoice")
    return {
        "bda_blueprint_to_live": {"blueprint": "carried-invoice"},
        "bda_evaluate_blueprint": {"blueprint_arn": golden},
        "bda_library_deletion": {"library": "superfluous-names"},
        "bda_many_documents": {"documents": uris},
        "bda_purge": {
            "output_s3_uri": "s3://my-bucket/purged",
            "dataset_s3_uri": "s3://my-bucket/kept",
            "dry_run": False,
        },
        "bedrock_many_async_invokes": {"prompts": ["a harbour at dawn", "a harbour at noon"]},
    }
