"""Libraries, their entities and ingestion jobs, over REST-JSON."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from airflow_provider_bda.emulator import Fault

PHRASES = [{"text": "Amoxicillin", "displayAsText": "amoxicillin"}, {"text": "Ibuprofen"}]


def code(call, /, **members):
    with pytest.raises(ClientError) as refused:
        call(**members)
    return refused.value.response["Error"]["Code"]


def vocabulary(name, *phrases):
    return {"entityId": name, "language": "EN", "phrases": [{"text": text} for text in phrases]}


@pytest.fixture
def library(control):
    def make(name="drugs", **members):
        return control.create_data_automation_library(libraryName=name, **members)["libraryArn"]

    return make


@pytest.fixture
def ingest(control):
    """Start an ingestion job and answer its ARN; entities go inline, a string is a manifest's URI."""

    def run(arn, entities, operation="UPSERT", **members):
        if isinstance(entities, str):
            given = {"s3Object": {"s3Uri": entities}}
        elif operation == "UPSERT":
            given = {"inlinePayload": {"upsertEntitiesInfo": [{"vocabulary": row} for row in entities]}}
        else:
            given = {"inlinePayload": {"deleteEntitiesInfo": {"entityIds": entities}}}
        return control.invoke_data_automation_library_ingestion_job(
            **{
                "libraryArn": arn,
                "inputConfiguration": given,
                "entityType": "VOCABULARY",
                "operationType": operation,
                "outputConfiguration": {"s3Uri": "s3://documents/libraries"},
                **members,
            }
        )["jobArn"]

    return run


@pytest.fixture
def result(aws, control):
    """Answer a job's row and its result file."""

    def read(library_arn, job_arn):
        job = control.get_data_automation_library_ingestion_job(libraryArn=library_arn, jobArn=job_arn)["job"]
        bucket, _, key = job["outputConfiguration"]["s3Uri"].removeprefix("s3://").partition("/")
        with aws.client("s3").get_object(Bucket=bucket, Key=f"{key}/result.json")["Body"] as body:
            return job, json.loads(body.read())["vocabulary"]

    return read


# --- libraries --------------------------------------------------------------------------------------


def test_a_library_is_created_read_updated_and_listed(aws, control, library):
    arn = library(
        libraryDescription="what it is for",
        encryptionConfiguration={"kmsKeyId": "alias/key"},
        tags=[{"key": "team", "value": "red"}],
    )
    read = control.get_data_automation_library(libraryArn=arn)["library"]
    created = read.pop("creationTime")
    assert read == {
        "libraryArn": arn,
        "libraryName": "drugs",
        "libraryDescription": "what it is for",
        "status": "ACTIVE",
        "entityTypes": [],
        "kmsKeyId": "alias/key",
    }
    assert control.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "team", "value": "red"}]
    assert (
        control.update_data_automation_library(libraryArn=arn, libraryDescription="new")["status"] == "ACTIVE"
    )
    assert control.get_data_automation_library(libraryArn=arn)["library"]["libraryDescription"] == "new"
    assert control.list_data_automation_libraries()["libraries"] == [
        {"libraryArn": arn, "libraryName": "drugs", "creationTime": created}
    ]


def test_a_library_is_gone_once_its_deletion_has_ended(aws, clock, control, library):
    arn = library()
    assert control.delete_data_automation_library(libraryArn=arn) | {"ResponseMetadata": None} == {
        "libraryArn": arn,
        "status": "DELETING",
        "ResponseMetadata": None,
    }
    assert control.delete_data_automation_library(libraryArn=arn)["status"] == "DELETING"
    assert control.get_data_automation_library(libraryArn=arn)["library"]["status"] == "DELETING"
    assert code(control.update_data_automation_library, libraryArn=arn) == "ConflictException"
    clock.advance(10)
    assert code(control.get_data_automation_library, libraryArn=arn) == "ResourceNotFoundException"
    assert code(control.delete_data_automation_library, libraryArn=arn) == "ResourceNotFoundException"
    assert control.list_data_automation_libraries()["libraries"] == []
    assert code(control.list_tags_for_resource, resourceARN=arn) == "ResourceNotFoundException"
    library()


def test_names_quota_and_tokens_of_libraries(control, library):
    token = "a" * 33
    assert library("once", clientToken=token) == library("once", clientToken=token)
    assert code(control.create_data_automation_library, libraryName="once") == "ConflictException"
    for number in range(9):
        library(f"library-{number}")
    assert code(control.create_data_automation_library, libraryName="x") == "ServiceQuotaExceededException"


def test_libraries_are_listed_in_pages_and_by_project(control, library):
    arns = [library(f"library-{number}") for number in range(5)]
    pages = control.get_paginator("list_data_automation_libraries").paginate(PaginationConfig={"PageSize": 2})
    assert [[row["libraryArn"] for row in page["libraries"]] for page in pages] == [
        arns[:2],
        arns[2:4],
        arns[4:],
    ]
    project = control.create_data_automation_project(
        projectName="calls",
        standardOutputConfiguration={},
        dataAutomationLibraryConfiguration={"libraries": [{"libraryArn": arns[3]}]},
    )["projectArn"]
    found = control.list_data_automation_libraries(projectFilter={"projectArn": project})["libraries"]
    assert [row["libraryArn"] for row in found] == [arns[3]]


def test_a_project_must_name_a_library_that_exists(aws, control):
    arn = f"arn:aws:bedrock:us-east-1:{aws.account}:data-automation-library/nosuch000000"
    members = {"dataAutomationLibraryConfiguration": {"libraries": [{"libraryArn": arn}]}}
    assert (
        code(
            control.create_data_automation_project,
            projectName="x",
            standardOutputConfiguration={},
            **members,
        )
        == "ValidationException"
    )


# --- ingestion --------------------------------------------------------------------------------------


def test_inline_entities_are_taken_in_and_read_back(aws, clock, control, library, ingest, result):
    arn = library()
    entity = {"entityId": "drugs-en", "description": "names", "language": "EN", "phrases": PHRASES}
    job_arn = ingest(arn, [entity], tags=[{"key": "team", "value": "red"}])
    assert control.list_tags_for_resource(resourceARN=job_arn)["tags"] == [{"key": "team", "value": "red"}]
    clock.advance(9)
    job = control.get_data_automation_library_ingestion_job(libraryArn=arn, jobArn=job_arn)["job"]
    assert (job["jobStatus"], "completionTime" in job) == ("IN_PROGRESS", False)
    clock.advance(1)
    job, files = result(arn, job_arn)
    assert (job["jobStatus"], job["operationType"], job["entityType"]) == (
        "COMPLETED",
        "UPSERT",
        "VOCABULARY",
    )
    assert (job["completionTime"] - job["creationTime"]).total_seconds() == 10
    assert files == {"successful": [{"entityId": "drugs-en"}], "failed": []}

    found = control.get_data_automation_library_entity(
        libraryArn=arn, entityType="VOCABULARY", entityId="drugs-en"
    )["entity"]["vocabulary"]
    assert found.pop("lastModifiedTime")
    assert found == entity
    (row,) = control.list_data_automation_library_entities(libraryArn=arn, entityType="VOCABULARY")[
        "entities"
    ]
    assert (row["vocabulary"]["entityId"], row["vocabulary"]["numOfPhrases"]) == ("drugs-en", 2)
    assert control.get_data_automation_library(libraryArn=arn)["library"]["entityTypes"] == [
        {"entityType": "VOCABULARY"}
    ]


def test_a_manifest_with_bad_lines_completes_with_errors_that_name_them(
    aws, clock, control, library, ingest, result
):
    lines = [
        json.dumps(vocabulary("good", "one")),
        json.dumps({"vocabulary": vocabulary("wrapped", "two")}),
        json.dumps({**vocabulary("wrong", "three"), "language": "XX"}),
        "no json",
    ]
    aws.client("s3").put_object(Bucket="documents", Key="words.jsonl", Body="\n".join(lines).encode())
    arn = library()
    job_arn = ingest(arn, "s3://documents/words.jsonl")
    clock.advance(10)
    job, files = result(arn, job_arn)
    assert job["jobStatus"] == "COMPLETED_WITH_ERRORS"
    assert files["successful"] == [{"entityId": "good"}, {"entityId": "wrapped"}]
    assert [(row.get("entityId"), row.get("line"), row["errorType"]) for row in files["failed"]] == [
        ("wrong", None, "ValidationException"),
        (None, 4, "ValidationException"),
    ]
    assert "enum value set" in files["failed"][0]["errorMessage"]
    listed = control.list_data_automation_library_entities(libraryArn=arn, entityType="VOCABULARY")[
        "entities"
    ]
    assert [row["vocabulary"]["entityId"] for row in listed] == ["good", "wrapped"]


def test_a_manifest_that_is_missing_ends_as_failed(clock, control, library, ingest):
    arn = library()
    job_arn = ingest(arn, "s3://documents/none.jsonl")
    clock.advance(10)
    job = control.get_data_automation_library_ingestion_job(libraryArn=arn, jobArn=job_arn)["job"]
    assert (job["jobStatus"], job["errorType"], job["errorMessage"]) == (
        "FAILED",
        "ResourceNotFoundException",
        "The object s3://documents/none.jsonl does not exist.",
    )


def test_upsert_replaces_an_entity_whole_and_delete_takes_it_away(clock, control, library, ingest, result):
    arn = library()
    ingest(arn, [vocabulary("a", "one", "two"), vocabulary("b", "three")])
    clock.advance(10)
    ingest(arn, [vocabulary("a", "four")])
    clock.advance(10)
    found = control.get_data_automation_library_entity(libraryArn=arn, entityType="VOCABULARY", entityId="a")
    assert found["entity"]["vocabulary"]["phrases"] == [{"text": "four"}]

    job_arn = ingest(arn, ["a", "never-there"], "DELETE")
    clock.advance(10)
    job, files = result(arn, job_arn)
    assert (job["jobStatus"], files["successful"]) == ("COMPLETED_WITH_ERRORS", [{"entityId": "a"}])
    assert [(row["entityId"], row["errorType"]) for row in files["failed"]] == [
        ("never-there", "ResourceNotFoundException")
    ]
    assert (
        code(
            control.get_data_automation_library_entity, libraryArn=arn, entityType="VOCABULARY", entityId="a"
        )
        == "ResourceNotFoundException"
    )


def test_a_library_holds_no_more_than_its_quota(aws, clock, library, ingest, result):
    lines = [json.dumps(vocabulary(f"v{number}", *("x" * 10 for _ in range(200)))) for number in range(3)]
    aws.client("s3").put_object(Bucket="documents", Key="words.jsonl", Body="\n".join(lines).encode())
    arn = library()
    job_arn = ingest(arn, "s3://documents/words.jsonl")
    clock.advance(10)
    assert [row["errorMessage"] for row in result(arn, job_arn)[1]["failed"]] == [
        "A library has at most 500 phrases."
    ]


def test_one_job_at_a_time_and_the_next_when_it_has_ended(clock, control, library, ingest):
    first, other = library(), library("other")
    ingest(first, [vocabulary("a", "one")])
    with pytest.raises(ClientError) as refused:
        ingest(first, [vocabulary("b", "two")])
    assert (
        refused.value.response["Error"]["Code"],
        refused.value.response["ResponseMetadata"]["HTTPStatusCode"],
    ) == ("ConflictException", 409)
    assert code(control.delete_data_automation_library, libraryArn=first) == "ConflictException"
    ingest(other, [vocabulary("a", "one")])
    clock.advance(10)
    ingest(first, [vocabulary("b", "two")])


def test_the_same_token_is_the_same_job_even_while_it_runs(aws, library, ingest):
    arn, token = library(), "t" * 33
    entities = [vocabulary("a", "one")]
    assert ingest(arn, entities, clientToken=token) == ingest(arn, entities, clientToken=token)
    with pytest.raises(ClientError) as refused:
        ingest(arn, [vocabulary("b", "one")], clientToken=token)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    assert len(aws.jobs()) == 1


@pytest.mark.parametrize(
    ("given", "operation", "words"),
    [
        ({}, "UPSERT", "Exactly one of s3Object and inlinePayload"),
        (
            {"inlinePayload": {"deleteEntitiesInfo": {"entityIds": ["a"]}}},
            "UPSERT",
            "must hold upsertEntitiesInfo",
        ),
        (
            {
                "inlinePayload": {
                    "upsertEntitiesInfo": [{"vocabulary": vocabulary("a", *(str(n) for n in range(101)))}]
                }
            },
            "UPSERT",
            "at most 100 phrases, not 101",
        ),
    ],
)
def test_an_input_that_makes_no_sense_is_refused(library, ingest, given, operation, words):
    with pytest.raises(ClientError, match=words) as refused:
        ingest(library(), [vocabulary("a", "b")], operation, inputConfiguration=given)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_jobs_are_listed_in_pages_and_belong_to_their_library(clock, control, library, ingest):
    arn, other = library(), library("other")
    jobs = []
    for number in range(3):
        jobs.append(ingest(arn, [vocabulary(f"v{number}", "x")]))
        clock.advance(10)
    pages = control.get_paginator("list_data_automation_library_ingestion_jobs").paginate(
        libraryArn=arn, PaginationConfig={"PageSize": 2}
    )
    assert [[(row["jobArn"], row["jobStatus"]) for row in page["jobs"]] for page in pages] == [
        [(jobs[0], "COMPLETED"), (jobs[1], "COMPLETED")],
        [(jobs[2], "COMPLETED")],
    ]
    assert (
        code(control.get_data_automation_library_ingestion_job, libraryArn=other, jobArn=jobs[0])
        == "ResourceNotFoundException"
    )


def test_a_fault_rule_decides_how_a_job_ends(aws, clock, control, library, ingest):
    aws.fault(
        Fault(
            operation="InvokeDataAutomationLibraryIngestionJob",
            job_status="FAILED",
            error_type="Odd",
            message="on demand",
        )
    )
    arn = library()
    job_arn = ingest(arn, [vocabulary("a", "one")])
    clock.advance(10)
    job = control.get_data_automation_library_ingestion_job(libraryArn=arn, jobArn=job_arn)["job"]
    assert (job["jobStatus"], job["errorType"], job["errorMessage"]) == ("FAILED", "Odd", "on demand")
