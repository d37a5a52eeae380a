"""Data ingestion jobs of Lookout for Equipment, over JSON 1.0."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from airflow_provider_bda.emulator import Fault

GOOD = b"Timestamp,heat,noise\n2026-01-01T00:00:00,1,2\n2026-02-01T00:00:00,1.5,\n2026-02-01T00:00:00,x,3\nlater,1,1\n"


@pytest.fixture
def lookout(aws):
    return aws.client("lookoutequipment")


@pytest.fixture
def upload(aws):
    def put(**files):
        for name, body in files.items():
            key = f"plant/pump/{name.replace('_', '.')}"
            aws.client("s3").put_object(Bucket="documents", Key=key, Body=body)

    return put


@pytest.fixture
def start(aws, lookout):
    def run(dataset="pumps", bucket="documents", prefix="plant/", pattern=None, **members):
        given = {"Bucket": bucket, "Prefix": prefix}
        if pattern:
            given["KeyPattern"] = pattern
        return lookout.start_data_ingestion_job(
            **{
                "DatasetName": dataset,
                "IngestionInputConfiguration": {"S3InputConfiguration": given},
                "RoleArn": f"arn:aws:iam::{aws.account}:role/lookout",
                "ClientToken": "token",
                **members,
            }
        )

    return run


@pytest.fixture
def describe(lookout):
    def ask(job_id):
        answer = lookout.describe_data_ingestion_job(JobId=job_id)
        del answer["ResponseMetadata"]
        return answer

    return ask


def refusal(call, *args, **members):
    with pytest.raises(ClientError) as refused:
        call(*args, **members)
    return refused.value.response["Error"]["Code"]


def test_a_job_reads_its_files_and_tells_what_is_wrong_with_them(aws, clock, start, describe, upload):
    upload(one_csv=GOOD, empty_csv=b"", notes_pdf=b"%PDF \xff")
    started = start()
    assert (started["Status"], len(started["JobId"])) == ("IN_PROGRESS", 32)
    answer = describe(started["JobId"])
    assert answer["DatasetArn"].startswith(f"arn:aws:lookoutequipment:us-east-1:{aws.account}:dataset/pumps/")
    assert "IngestedFilesSummary" not in answer
    clock.advance(10)
    answer = describe(started["JobId"])
    del answer["DatasetArn"]
    assert answer == {
        "JobId": started["JobId"],
        "IngestionInputConfiguration": {
            "S3InputConfiguration": {"Bucket": "documents", "Prefix": "plant/"},
        },
        "RoleArn": f"arn:aws:iam::{aws.account}:role/lookout",
        "CreatedAt": datetime(2026, 1, 1, tzinfo=UTC),
        "Status": "SUCCESS",
        "IngestedFilesSummary": {
            "TotalNumberOfFiles": 3,
            "IngestedNumberOfFiles": 1,
            "DiscardedFiles": [
                {"Bucket": "documents", "Key": "plant/pump/empty.csv"},
                {"Bucket": "documents", "Key": "plant/pump/notes.pdf"},
            ],
        },
        "DataQualitySummary": {
            "InsufficientSensorData": {
                "MissingCompleteSensorData": {"AffectedSensorCount": 0},
                "SensorsWithShortDateRange": {"AffectedSensorCount": 0},
            },
            "MissingSensorData": {"AffectedSensorCount": 1, "TotalNumberOfMissingValues": 1},
            "InvalidSensorData": {"AffectedSensorCount": 1, "TotalNumberOfInvalidValues": 1},
            "UnsupportedTimestamps": {"TotalNumberOfUnsupportedTimestamps": 1},
            "DuplicateTimestamps": {"TotalNumberOfDuplicateTimestamps": 1},
        },
        "IngestedDataSize": len(GOOD),
        "DataStartTime": datetime(2026, 1, 1, tzinfo=UTC),
        "DataEndTime": datetime(2026, 2, 1, tzinfo=UTC),
    }


def test_a_key_pattern_chooses_the_files(clock, start, describe, upload):
    upload(one_csv=GOOD, two_txt=GOOD)
    job_id = start(pattern="{prefix}/{component_name}/*.csv")["JobId"]
    clock.advance(10)
    assert describe(job_id)["IngestedFilesSummary"]["DiscardedFiles"] == [
        {"Bucket": "documents", "Key": "plant/pump/two.txt"}
    ]


def test_a_short_range_and_a_sensor_without_values_are_counted(clock, start, describe, upload):
    upload(one_csv=b"t,a,b\n2026-01-01T00:00:00Z,1,\n2026-01-02T00:00:00Z,2,\n")
    job_id = start()["JobId"]
    clock.advance(10)
    assert describe(job_id)["DataQualitySummary"]["InsufficientSensorData"] == {
        "MissingCompleteSensorData": {"AffectedSensorCount": 1},
        "SensorsWithShortDateRange": {"AffectedSensorCount": 1},
    }


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "None of the 0 files under s3://documents/plant/ could be ingested."),
        ({"bucket": "no-such"}, "The bucket no-such does not exist."),
    ],
)
def test_nothing_to_read_ends_as_failed_with_the_reason(clock, start, describe, members, reason):
    job_id = start(**members)["JobId"]
    clock.advance(10)
    answer = describe(job_id)
    assert (answer["Status"], answer["FailedReason"]) == ("FAILED", reason)


def test_a_fault_rule_ends_it_as_failed(aws, clock, start, describe, upload):
    upload(one_csv=GOOD)
    aws.fault(Fault(operation="StartDataIngestionJob", job_status="FAILED", message="on demand"))
    job_id = start()["JobId"]
    clock.advance(10)
    answer = describe(job_id)
    assert (answer["Status"], answer["FailedReason"]) == ("FAILED", "on demand")


def test_the_same_token_is_the_same_job_and_another_waits_for_the_dataset(aws, start):
    assert start()["JobId"] == start()["JobId"]
    assert refusal(start, ClientToken="other") == "ConflictException"
    assert refusal(start, "fans") == "ConflictException"
    start("fans", ClientToken="other")
    assert len(aws.jobs()) == 2


def test_five_jobs_may_be_pending(start):
    for number in range(5):
        start(f"set-{number}", ClientToken=f"t{number}")
    assert refusal(start, "one-more", ClientToken="t5") == "ServiceQuotaExceededException"


def test_an_unknown_job_is_not_found_and_a_bad_prefix_is_refused(start, describe):
    assert refusal(describe, "0" * 32) == "ResourceNotFoundException"
    assert refusal(start, prefix="no-slash") == "ValidationException"


def test_jobs_are_listed_by_dataset_and_status_in_pages(clock, lookout, start, upload):
    upload(one_csv=GOOD)
    jobs = []
    for number in range(3):
        jobs.append(start(ClientToken=f"t{number}")["JobId"])
        clock.advance(10)
    running = start("fans", ClientToken="t4")["JobId"]

    def listed(**members):
        answer = lookout.list_data_ingestion_jobs(**members)
        return [row["JobId"] for row in answer["DataIngestionJobSummaries"]], answer.get("NextToken")

    found, token = listed(DatasetName="pumps", MaxResults=2)
    assert found == [jobs[2], jobs[1]]
    assert listed(DatasetName="pumps", MaxResults=2, NextToken=token) == ([jobs[0]], None)
    assert listed(Status="IN_PROGRESS") == ([running], None)
    assert listed(Status="FAILED") == ([], None)


# --- the service has ended --------------------------------------------------------------------------


def test_an_ended_service_has_no_endpoint(aws, start):
    start()
    aws.settings.ended_services = frozenset({"lookoutequipment"})
    quick = Config(retries={"max_attempts": 0})
    with pytest.raises(EndpointConnectionError):
        aws.client("lookoutequipment", config=quick).list_data_ingestion_jobs()
    at_the_old_one = aws.client("lookoutequipment", config=quick, endpoint_url=aws.endpoint_url)
    with pytest.raises(ConnectionClosedError):
        at_the_old_one.list_data_ingestion_jobs()
    assert aws.client("bedrock-runtime").list_async_invokes()["asyncInvokeSummaries"] == []


def test_connection_and_environment_lead_to_where_nobody_listens(aws):
    assert "lookoutequipment" not in aws.connection()["extra"]["service_config"]
    aws.settings.ended_services = frozenset({"lookoutequipment"})
    assert aws.connection()["extra"]["service_config"]["lookoutequipment"] == {"endpoint_url": aws.absent_url}
    assert aws.environ()["AWS_ENDPOINT_URL_LOOKOUTEQUIPMENT"] == aws.absent_url
    assert urlsplit(aws.absent_url).port != urlsplit(aws.endpoint_url).port
