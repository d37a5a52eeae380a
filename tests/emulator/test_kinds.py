"""Every job kind of the catalogue, started, asked for and ended on the emulator as the catalogue says.

Nothing here names an operation or a status: both come from the kind, so a kind whose service the emulator
serves differently from what the catalogue says fails here.
"""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from airflow_provider_bda.emulator import Emulator, Fault, Settings
from airflow_provider_bda.jobs import JOB_KINDS, Outcome
from airflow_provider_bda.jobs.kind import dig, method_name

KINDS = list(JOB_KINDS.values())
SCHEMA = json.dumps({"class": "invoice", "properties": {"total": {"type": "number"}}})
FAILING = [
    (kind, status)
    for kind in KINDS
    for status in sorted(kind.statuses)
    if kind.outcome(status) not in {None, Outcome.SUCCEEDED}
]


@pytest.fixture
def aws(clock):
    with Emulator(Settings(duration=10.0, durations={}), clock=clock) as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="documents")
        s3.put_object(Bucket="documents", Key="in/one.txt", Body=b"Invoice\nTotal: 12\n")
        s3.put_object(Bucket="documents", Key="in/truth.json", Body=b'{"total": 12}')
        s3.put_object(Bucket="documents", Key="plant/a.csv", Body=b"t,a\n2026-01-01T00:00:00,1\n")
        yield aws
        aws.settle()


@pytest.fixture
def requests(aws, clock):
    """Answer a valid start request by kind; what it needs is made first."""
    control = aws.client("bedrock-data-automation")

    def library():
        return control.create_data_automation_library(libraryName="words")["libraryArn"]

    def optimization():
        made = control.create_blueprint(blueprintName="invoice", type="DOCUMENT", schema=SCHEMA)["blueprint"]
        sample = {
            "assetS3Object": {"s3Uri": "s3://documents/in/one.txt"},
            "groundTruthS3Object": {"s3Uri": "s3://documents/in/truth.json"},
        }
        return {
            "blueprint": {"blueprintArn": made["blueprintArn"]},
            "samples": [sample],
            "outputConfiguration": {"s3Object": {"s3Uri": "s3://documents/out"}},
            "dataAutomationProfileArn": aws.profile_arn,
        }

    entity = {"vocabulary": {"entityId": "a", "language": "EN", "phrases": [{"text": "word"}]}}
    return {
        "data_automation": lambda: {
            "inputConfiguration": {"s3Uri": "s3://documents/in/one.txt"},
            "outputConfiguration": {"s3Uri": "s3://documents/out"},
            "dataAutomationProfileArn": aws.profile_arn,
            "dataAutomationConfiguration": {
                "dataAutomationProjectArn": "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"
            },
        },
        "async_invoke": lambda: {
            "modelId": "amazon.nova-reel-v1:1",
            "modelInput": {"taskType": "TEXT_VIDEO"},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://documents/out"}},
        },
        "library_ingestion": lambda: {
            "libraryArn": library(),
            "inputConfiguration": {"inlinePayload": {"upsertEntitiesInfo": [entity]}},
            "entityType": "VOCABULARY",
            "operationType": "UPSERT",
            "outputConfiguration": {"s3Uri": "s3://documents/out"},
        },
        "blueprint_optimization": optimization,
        "project": lambda: {
            "projectName": "p",
            "projectStage": "DEVELOPMENT",
            "standardOutputConfiguration": {},
        },
        "library_deletion": lambda: {"libraryArn": library()},
        "equipment_ingestion": lambda: {
            "DatasetName": "pumps",
            "IngestionInputConfiguration": {
                "S3InputConfiguration": {"Bucket": "documents", "Prefix": "plant/"}
            },
            "RoleArn": f"arn:aws:iam::{aws.account}:role/lookout",
        },
        "knowledge_base_ingestion": lambda: {"knowledgeBaseId": "KB12345678", "dataSourceId": "DS12345678"},
    }


@pytest.fixture
def call(aws):
    def run(kind, operation, request):
        return getattr(aws.client(kind.service), method_name(operation))(**request)

    return run


@pytest.fixture
def started(requests, call):
    """Start a job of a kind and answer its request and handle."""

    def run(kind):
        request = requests[kind.name]()
        return request, kind.handle_of(request, call(kind, kind.start, request))

    return run


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_job_is_pending_and_then_a_success(clock, call, started, kind):
    _, handle = started(kind)
    before = call(kind, kind.describe, handle)
    assert kind.status(before) in kind.pending
    assert kind.outcome_of(before) is None
    clock.advance(10)
    if kind.gone_is_success:
        with pytest.raises(ClientError) as gone:
            call(kind, kind.describe, handle)
        assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"
    else:
        answer = call(kind, kind.describe, handle)
        assert kind.outcome_of(answer) is Outcome.SUCCEEDED
        assert kind.error(answer) == (None, None)


@pytest.mark.parametrize(("kind", "status"), FAILING, ids=lambda value: getattr(value, "name", value))
def test_a_job_can_end_in_every_other_status(aws, clock, call, started, kind, status):
    aws.fault(Fault(operation=kind.start, job_status=status, error_type="Odd", message="on demand"))
    _, handle = started(kind)
    clock.advance(10)
    answer = call(kind, kind.describe, handle)
    assert (kind.status(answer), kind.outcome_of(answer)) == (status, kind.outcome(status))
    assert kind.error(answer) == (
        "Odd" if kind.error_type_at else None,
        "on demand" if kind.error_message_at else None,
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_status_nobody_knows_can_be_put_in_its_place(aws, call, started, kind):
    _, handle = started(kind)
    over = "Paused"
    for step in reversed(kind.status_at):
        over = {step: over}
    aws.fault(Fault(operation=kind.describe, answer=over, times=1))
    odd = call(kind, kind.describe, handle)
    assert (kind.status(odd), kind.outcome_of(odd)) == ("Paused", None)
    known = call(kind, kind.describe, handle)
    assert kind.status(known) in kind.pending
    assert set(odd) == set(known)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.token], ids=lambda kind: kind.name)
def test_a_token_used_again_is_the_same_job(requests, call, kind):
    request = {**requests[kind.name](), kind.token: "a" * 64}
    first, again = (kind.handle_of(request, call(kind, kind.start, request)) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.list_operation], ids=lambda kind: kind.name)
def test_a_job_is_found_in_the_list(clock, call, started, kind):
    request, handle = started(kind)
    listing = {name: request[name] for name in kind.handle if name in request}
    for _ in range(2):
        (row,) = dig(call(kind, kind.list_operation, listing), kind.listed_at)
        answer = call(kind, kind.describe, handle)
        assert row[kind.status_at[-1]] == kind.status(answer)
        assert {**listing, **{name: row[name] for name in kind.handle if name in row}} == handle
        clock.advance(10)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.stop_operation], ids=lambda kind: kind.name)
def test_a_stopped_job_is_pending_until_it_has_stopped_and_no_success_then(clock, call, started, kind):
    _, handle = started(kind)
    call(kind, kind.stop_operation, handle)
    assert kind.status(call(kind, kind.describe, handle)) in kind.pending
    clock.advance(0)
    assert kind.outcome_of(call(kind, kind.describe, handle)) is Outcome.BROKEN
