"""An engine on the real clients, over the emulator: in the trigger, and through what S3 and the service may do."""

from __future__ import annotations

import asyncio
import json

import pytest

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.batch import engine as engine_module
from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.drive import drive
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.store import S3Store, StoreError
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.triggers.batch import BatchTrigger
from tests.batch.conftest import LIMIT, Batch, FakeStore
from tests.fakes import in_triggerer, stored

OUTPUT = "s3://documents/out"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(engine_module, "INTERVAL", (0.05, 0.1))


@pytest.fixture
def real_batch(aws, public_blueprint):
    """Write a batch of so many documents to the emulator's S3."""

    def make(count, **orders):
        s3 = aws.client("s3")
        documents = []
        for n in range(count):
            s3.put_object(Bucket="documents", Key=f"in/{n:04d}.txt", Body=b"Invoice number: %d\n" % n)
            documents.append(Document(document_id=f"d{n}", input_s3_uri=f"s3://documents/in/{n:04d}.txt"))
        batch = Batch(FakeStore(), BatchLayout(f"{OUTPUT}/_batches/b1"), documents, segment=40)
        profile = f"arn:aws:bedrock:{aws.region}:{aws.account}:data-automation-profile/us.data-automation-v1"
        request = {"dataAutomationProfileArn": profile, "blueprints": [{"blueprintArn": public_blueprint}]}
        batch.order(request=request, output_s3_uri=OUTPUT, **orders)
        for uri, body in batch.store.objects.items():
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        return batch

    return make


def rows(aws, batch):
    s3 = aws.client("s3")
    found = s3.list_objects_v2(Bucket="documents", Prefix="out/_batches/b1/results/").get("Contents", [])
    bodies = [s3.get_object(Bucket="documents", Key=item["Key"])["Body"].read() for item in found]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def driven(batch, said=None, **more):
    async def main():
        async with asyncio.timeout(LIMIT):
            return await drive(
                batch.layout.batch_s3_uri,
                target=AwsTarget.of(),
                s3_target=AwsTarget.of(),
                say=lambda text, warning=False: (said if said is not None else []).append(text),
                log_interval=60.0,
            )

    return asyncio.run(main())


@pytest.fixture
def public_blueprint(aws):
    return f"arn:aws:bedrock:{aws.region}:aws:blueprint/bedrock-data-automation-public-invoice"


def test_the_trigger_sees_a_batch_through(aws, real_batch):
    batch = real_batch(60)
    trigger = BatchTrigger(batch_s3_uri=batch.layout.batch_s3_uri)
    event = in_triggerer(stored(trigger), LIMIT).payload
    assert event == {"batch_s3_uri": batch.layout.batch_s3_uri, "state": "done", "why": None}
    assert len(aws.jobs()) == 60
    found = rows(aws, batch)
    assert {row["status"] for row in found} == {"succeeded"}
    assert {tuple(row["custom_output_status"]) for row in found} == {("MATCH",)}
    assert all(row["output_s3_uri"].startswith(f"{OUTPUT}/") for row in found)


def test_a_trigger_of_another_release_is_understood(aws):
    path, kwargs = BatchTrigger(batch_s3_uri="s3://documents/out/_batches/x").serialize()
    assert path == "airflow_provider_bda.triggers.batch.BatchTrigger"
    assert BatchTrigger(**kwargs, of_tomorrow=1).serialize() == (path, kwargs)


def test_throttling_lost_answers_and_failing_services_change_nothing(aws, real_batch):
    batch = real_batch(40)
    aws.fault(
        Fault(operation="InvokeDataAutomationAsync", error="ThrottlingException", probability=0.1, seed=1)
    )
    aws.fault(Fault(operation="InvokeDataAutomationAsync", lose_answer=True, probability=0.05, seed=2))
    aws.fault(Fault(operation="*DataAutomation*", error="InternalServerException", probability=0.02, seed=3))
    aws.fault(Fault(operation="s3:*", error="SlowDown", probability=0.02, seed=4))

    assert driven(batch)["state"] == "done"
    assert len(aws.jobs()) == 40
    assert {row["status"] for row in rows(aws, batch)} == {"succeeded"}


def test_a_missing_plan_and_a_forbidden_bucket_end_as_words(aws, real_batch):
    batch = real_batch(2)
    event = driven(Batch(FakeStore(), BatchLayout(f"{OUTPUT}/_batches/none"), []))
    assert event["state"] == "broken"
    assert "_batches/none/batch.json does not exist" in event["why"]
    aws.fault(Fault(operation="s3:PUT", error="AccessDenied"))
    event = driven(batch)
    assert event["state"] == "broken"
    assert "AccessDenied" in event["why"]
    assert aws.jobs() == []


def test_a_document_the_service_rejects_is_rejected_with_its_words(aws, real_batch):
    batch = real_batch(3)
    aws.client("s3").delete_object(Bucket="documents", Key="in/0001.txt")
    assert driven(batch)["state"] == "done"
    found = {row["document_id"]: row for row in rows(aws, batch)}
    assert [found[f"d{n}"]["status"] for n in range(3)] == ["succeeded", "rejected", "succeeded"]
    assert found["d1"]["error_message"]


def test_the_store_writes_once_where_it_is_told_to(aws):
    async def main():
        store = S3Store(AwsTarget.of())
        uri = "s3://documents/x/1"
        wrote = [await store.put(uri, b"a", if_absent=True), await store.put(uri, b"b", if_absent=True)]
        was = await store.etag(uri)
        wrote += [await store.put(uri, b"c", if_match=was), await store.put(uri, b"d", if_match=was)]
        gone = "s3://documents/x/2"
        wrote += [await store.put(gone, b"e", if_match=was), await store.etag(gone)]
        with pytest.raises(FileNotFoundError):
            await store.get("s3://documents/x/2")
        with pytest.raises(StoreError, match="NoSuchBucket"):
            await store.put("s3://nobody/x", b"")
        return (
            wrote,
            await store.get(uri),
            await store.get(uri, 0 + 1),
            await store.list("s3://documents/x/"),
            await store.list("s3://documents/x/", "1"),
        )

    wrote = [True, False, True, False, False, None]
    assert asyncio.run(main()) == (wrote, b"c", b"c", ["s3://documents/x/1"], [])
