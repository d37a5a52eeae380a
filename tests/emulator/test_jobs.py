"""Jobs from submission to their end, over the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.emulator.runner import final_status, running_status, waiting_status
from airflow_provider_bda.jobs import JOB_KINDS, Outcome


def at(seconds):
    return datetime.fromtimestamp(1_767_225_600.0 + seconds, UTC)


def test_a_job_goes_from_in_progress_to_success_with_all_its_times(aws, clock, submit, status):
    arn = submit()
    assert arn.startswith(f"arn:aws:bedrock:us-east-1:{aws.account}:data-automation-invocation/")
    assert status(arn) == {"status": "InProgress", "jobSubmissionTime": at(0)}

    clock.advance(9.5)
    assert status(arn)["status"] == "InProgress"
    clock.advance(1)
    assert status(arn) == {
        "status": "Success",
        "outputConfiguration": {"s3Uri": f"s3://documents/out/{arn.rpartition('/')[2]}/job_metadata.json"},
        "jobSubmissionTime": at(0),
        "jobCompletionTime": at(10),
        "jobDurationInSeconds": 10,
    }


def test_the_output_lies_where_the_status_says(aws, clock, submit, status):
    arn = submit()
    clock.advance(10)
    bucket, _, key = status(arn)["outputConfiguration"]["s3Uri"].removeprefix("s3://").partition("/")
    written = aws.client("s3").get_object(Bucket=bucket, Key=key)
    with written["Body"] as body:
        metadata = json.loads(body.read())
    assert metadata["job_id"] == arn.rpartition("/")[2]
    assert written["ContentType"] == "application/json"


def test_an_output_uri_with_a_slash_at_its_end_gives_two_in_the_keys(clock, submit, status):
    arn = submit(outputConfiguration={"s3Uri": "s3://documents/out/"})
    clock.advance(10)
    job_id = arn.rpartition("/")[2]
    assert status(arn)["outputConfiguration"]["s3Uri"] == f"s3://documents/out//{job_id}/job_metadata.json"


def test_an_output_uri_without_a_key_puts_the_job_at_the_top(clock, submit, status):
    arn = submit(outputConfiguration={"s3Uri": "s3://documents"})
    clock.advance(10)
    job_id = arn.rpartition("/")[2]
    assert status(arn)["outputConfiguration"]["s3Uri"] == f"s3://documents/{job_id}/job_metadata.json"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            {"inputConfiguration": {"s3Uri": "s3://documents/in/none.pdf"}},
            "The object s3://documents/in/none.pdf does not exist.",
        ),
        ({"inputConfiguration": {"s3Uri": "s3://no-such/a.pdf"}}, "The bucket no-such does not exist."),
        ({"outputConfiguration": {"s3Uri": "s3://no-such/out"}}, "The output bucket no-such does not exist."),
    ],
    ids=["no object", "no input bucket", "no output bucket"],
)
def test_what_is_missing_on_s3_ends_as_client_error(clock, submit, status, members, message):
    arn = submit(**members)
    clock.advance(10)
    answer = status(arn)
    assert (answer["status"], answer["errorMessage"]) == ("ClientError", message)
    assert answer["errorType"]
    assert "outputConfiguration" not in answer
    assert answer["jobCompletionTime"] == at(10)


def test_a_refused_document_ends_as_client_error_in_the_readers_words(aws, clock, submit, status):
    aws.client("s3").put_object(Bucket="documents", Key="in/odd.pdf", Body=b"reject me")
    arn = submit("in/odd.pdf")
    clock.advance(10)
    answer = status(arn)
    assert (answer["status"], answer["errorType"], answer["errorMessage"]) == (
        "ClientError",
        "UnsupportedFileType",
        "This file cannot be read.",
    )


def test_a_bug_of_the_emulator_ends_the_job_as_service_error_and_frees_its_slot(
    aws, clock, submit, status, logs_errors
):
    aws.settings.concurrent_jobs["DOCUMENT"] = 1
    aws.client("s3").put_object(Bucket="documents", Key="in/bug.pdf", Body=b"crash")
    broken, next_one = submit("in/bug.pdf"), submit()
    clock.advance(0)
    assert status(broken)["status"] == "ServiceError"
    assert "RuntimeError" in status(broken)["errorMessage"]
    assert status(next_one)["status"] == "InProgress"


def test_jobs_above_the_concurrency_of_their_modality_wait_in_created(aws, clock, submit, status):
    aws.settings.concurrent_jobs = {"DOCUMENT": 2, "IMAGE": 1}
    for number in range(2):
        aws.client("s3").put_object(Bucket="documents", Key=f"in/{number}.png", Body=b"\x89PNG\r\n\x1a\n")
    documents = [submit() for _ in range(3)]
    images = [submit(f"in/{number}.png") for number in range(2)]

    def states():
        return [status(arn)["status"] for arn in documents], [status(arn)["status"] for arn in images]

    assert states() == (["InProgress", "InProgress", "Created"], ["InProgress", "Created"])
    clock.advance(10)
    assert states() == (["Success", "Success", "InProgress"], ["Success", "InProgress"])
    clock.advance(10)
    assert states() == (["Success"] * 3, ["Success"] * 2)
    assert status(documents[2])["jobDurationInSeconds"] == 20


def test_the_modality_is_told_by_the_first_bytes_not_by_the_key(aws, submit):
    aws.client("s3").put_object(Bucket="documents", Key="in/picture", Body=b"\x89PNG\r\n\x1a\n rest")
    submit("in/picture")
    assert [job.lane for job in aws.jobs()] == ["IMAGE"]


def test_one_open_job_too_many_is_service_quota_exceeded(aws, clock, submit):
    aws.settings.open_jobs = 2
    submit()
    submit()
    with pytest.raises(ClientError) as refused:
        submit()
    assert refused.value.response["Error"]["Code"] == "ServiceQuotaExceededException"
    assert len(aws.jobs()) == 2
    clock.advance(10)
    submit()


def test_an_unknown_invocation_is_not_found(runtime, submit):
    arn = submit()
    with pytest.raises(runtime.exceptions.ResourceNotFoundException):
        runtime.get_data_automation_status(invocationArn=arn[:-4] + "0000")


@pytest.mark.parametrize("duration", [(3.0, 4.0), lambda _job: 3.5], ids=["range", "function"])
def test_the_duration_may_be_a_range_or_a_function(aws, clock, submit, status, duration):
    aws.settings.duration = duration
    arn = submit()
    clock.advance(2.9)
    assert status(arn)["status"] == "InProgress"
    clock.advance(1.2)
    assert status(arn)["status"] == "Success"


def test_a_slow_reader_holds_the_job_but_not_the_server(aws, clock, reader, submit, status):
    reader.gate.clear()
    arn = submit()
    assert reader.started.wait(10)
    assert status(arn)["status"] == "InProgress"
    reader.gate.set()
    clock.advance(10)
    assert status(arn)["status"] == "Success"


def test_every_request_field_is_kept_with_the_job(aws, submit):
    arn = submit(
        clientToken="a-token",
        inputConfiguration={
            "s3Uri": "s3://documents/in/one.pdf",
            "assetProcessingConfiguration": {
                "video": {
                    "segmentConfiguration": {
                        "timestampSegment": {"startTimeMillis": 0, "endTimeMillis": 300_000}
                    }
                }
            },
        },
        dataAutomationConfiguration={
            "dataAutomationProjectArn": "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default",
            "stage": "LIVE",
        },
        encryptionConfiguration={"kmsKeyId": "alias/key", "kmsEncryptionContext": {"a": "b"}},
        notificationConfiguration={"eventBridgeConfiguration": {"eventBridgeEnabled": False}},
        blueprints=[
            {
                "blueprintArn": "arn:aws:bedrock:us-east-1:aws:blueprint/bedrock-data-automation-public-invoice",
                "version": "1",
                "stage": "LIVE",
            }
        ],
        tags=[{"key": "team", "value": "größe"}],
    )
    (call,) = aws.calls("InvokeDataAutomationAsync")
    (job,) = aws.jobs()
    assert job.arn == arn
    assert {**job.request, "clientToken": "a-token"} == call.parameters
    assert call.parameters["tags"] == [{"key": "team", "value": "größe"}]
    assert (call.account, call.region, call.access_key_id) == (aws.account, "us-east-1", "AKIABDAEMULATOR")


def test_what_a_job_refers_to_is_settled_when_it_is_submitted(aws, clock, reader, control, submit):
    schema = json.dumps({"class": "invoice", "properties": {"total": {"type": "string"}}})
    blueprint = control.create_blueprint(blueprintName="invoice", type="DOCUMENT", schema=schema)["blueprint"]
    project = control.create_data_automation_project(
        projectName="invoices",
        standardOutputConfiguration={},
        customOutputConfiguration={"blueprints": [{"blueprintArn": blueprint["blueprintArn"]}]},
    )["projectArn"]
    aws.settings.concurrent_jobs["DOCUMENT"] = 0
    submit(dataAutomationConfiguration={"dataAutomationProjectArn": project})
    control.delete_data_automation_project(projectArn=project)
    control.delete_blueprint(blueprintArn=blueprint["blueprintArn"])
    aws.settings.concurrent_jobs["DOCUMENT"] = 1
    aws._running.runner.fill()
    clock.advance(10)

    (asked,) = reader.requests
    assert [(found.name, found.schema["class"]) for found in asked.blueprints] == [("invoice", "invoice")]
    assert asked.project["projectName"] == "invoices"
    assert [job.status for job in aws.jobs()] == ["Success"]


def test_a_reset_forgets_jobs_that_are_being_worked_on(aws, clock, reader, submit):
    reader.gate.clear()
    submit()
    assert reader.started.wait(10)
    aws.reset()
    reader.gate.set()
    clock.advance(100)
    assert aws.jobs() == []
    assert aws.client("s3").list_buckets()["Buckets"] == []


def test_statuses_come_from_the_jobs_kind():
    kind = JOB_KINDS["data_automation"]
    assert (waiting_status(kind), running_status(kind)) == ("Created", "InProgress")
    assert [
        final_status(kind, outcome) for outcome in (Outcome.SUCCEEDED, Outcome.REJECTED, Outcome.BROKEN)
    ] == ["Success", "ClientError", "ServiceError"]
    with pytest.raises(ValueError, match="no status for partial"):
        final_status(kind, Outcome.PARTIAL)


def test_a_fault_with_no_final_status_breaks_the_job_and_says_why(aws, clock, submit, status, logs_errors):
    aws.fault(Fault(job_status="Paused"))
    arn = submit()
    clock.advance(0)
    assert "'Paused' of a fault rule is no final status" in status(arn)["errorMessage"]
