"""Ingestion jobs of knowledge bases, over REST-JSON."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from airflow_provider_bda.emulator import Fault

KB, SOURCE = "KB12345678", "DS12345678"


@pytest.fixture
def agent(aws):
    return aws.client("bedrock-agent")


@pytest.fixture
def start(agent):
    def run(source=SOURCE, **members):
        return agent.start_ingestion_job(knowledgeBaseId=KB, dataSourceId=source, **members)["ingestionJob"]

    return run


@pytest.fixture
def get(agent):
    def ask(job_id, source=SOURCE):
        return agent.get_ingestion_job(knowledgeBaseId=KB, dataSourceId=source, ingestionJobId=job_id)[
            "ingestionJob"
        ]

    return ask


@pytest.fixture
def ingest(clock, start, get):
    """Run a job to its end and answer it."""

    def run():
        job_id = start()["ingestionJobId"]
        clock.advance(10)
        return get(job_id)

    return run


def refusal(call, **members):
    with pytest.raises(ClientError) as refused:
        call(**members)
    return refused.value.response["Error"]["Code"]


def counts(**named):
    names = (
        "numberOfDocumentsScanned",
        "numberOfMetadataDocumentsScanned",
        "numberOfNewDocumentsIndexed",
        "numberOfModifiedDocumentsIndexed",
        "numberOfMetadataDocumentsModified",
        "numberOfDocumentsDeleted",
        "numberOfDocumentsFailed",
    )
    assert set(named) <= set(names)
    return {name: named.get(name, 0) for name in names}


def test_a_job_goes_from_starting_to_complete(clock, start, get):
    started = start(description="nightly")
    assert (started["status"], started["description"]) == ("STARTING", "nightly")
    running = get(started["ingestionJobId"])
    assert (running["status"], "statistics" in running) == ("IN_PROGRESS", False)
    clock.advance(10)
    ended = get(started["ingestionJobId"])
    assert (ended["status"], ended["statistics"]) == ("COMPLETE", counts())
    assert "failureReasons" not in ended
    assert (ended["updatedAt"] - ended["startedAt"]).total_seconds() == 10


def test_a_data_source_is_compared_with_the_job_before(aws, ingest):
    aws.settings.data_sources = {SOURCE: "s3://documents/kb/"}
    s3 = aws.client("s3")

    def put(**files):
        for name, body in files.items():
            s3.put_object(Bucket="documents", Key=f"kb/{name.replace('_', '.')}", Body=body)

    put(a_pdf=b"one", b_md=b"two", c_exe=b"three", d_txt=b"")
    s3.put_object(Bucket="documents", Key="kb/a.pdf.metadata.json", Body=b"{}")
    first = ingest()
    assert first["status"] == "COMPLETE"
    assert first["statistics"] == counts(
        numberOfDocumentsScanned=4,
        numberOfMetadataDocumentsScanned=1,
        numberOfNewDocumentsIndexed=2,
        numberOfDocumentsFailed=2,
    )
    (reason,) = first["failureReasons"]
    assert "Ignored 2 files" in reason
    assert "s3://documents/kb/c.exe, s3://documents/kb/d.txt" in reason

    put(a_pdf=b"changed", e_html=b"new")
    for name in ("b.md", "c.exe", "d.txt"):
        s3.delete_object(Bucket="documents", Key=f"kb/{name}")
    second = ingest()
    assert second["statistics"] == counts(
        numberOfDocumentsScanned=2,
        numberOfMetadataDocumentsScanned=1,
        numberOfNewDocumentsIndexed=1,
        numberOfModifiedDocumentsIndexed=1,
        numberOfDocumentsDeleted=1,
    )
    assert "failureReasons" not in second


def test_a_missing_bucket_fails_the_job_and_an_unknown_source_is_not_found(aws, ingest, start):
    aws.settings.data_sources = {SOURCE: "s3://no-such/kb/"}
    ended = ingest()
    assert (ended["status"], ended["failureReasons"]) == ("FAILED", ["The bucket no-such does not exist."])
    assert refusal(start, source="DSNOTTHERE") == "ResourceNotFoundException"


def test_one_job_at_a_time_per_data_source(clock, start):
    start()
    assert refusal(start) == "ConflictException"
    start("DSOTHER789")
    clock.advance(10)
    start()


def test_the_same_token_is_the_same_job(aws, start):
    token = "t" * 33
    assert start(clientToken=token) == start(clientToken=token)
    assert refusal(start, clientToken=token, description="other") == "ConflictException"
    assert len(aws.jobs()) == 1


def test_a_job_is_stopped_once_and_makes_room(clock, agent, start, get):
    job_id = start()["ingestionJobId"]
    where = {"knowledgeBaseId": KB, "dataSourceId": SOURCE, "ingestionJobId": job_id}
    assert agent.stop_ingestion_job(**where)["ingestionJob"]["status"] == "STOPPING"
    assert get(job_id)["status"] == "STOPPING"
    assert refusal(agent.stop_ingestion_job, **where) == "ConflictException"
    clock.advance(0)
    stopped = get(job_id)
    assert stopped["status"] == "STOPPED"
    clock.advance(100)
    assert get(job_id) == stopped
    assert refusal(agent.stop_ingestion_job, **where) == "ConflictException"
    start()


@pytest.mark.parametrize("status", ["FAILED", "STOPPED"])
def test_a_fault_rule_names_the_very_status(aws, ingest, status):
    aws.fault(Fault(operation="StartIngestionJob", input_uri=SOURCE, job_status=status, message="on demand"))
    ended = ingest()
    assert (ended["status"], ended["failureReasons"]) == (status, ["on demand"])


def test_jobs_are_listed_by_status_and_time_in_pages(clock, agent, start, aws):
    jobs = []
    for number in range(3):
        if number == 1:
            aws.fault(Fault(operation="StartIngestionJob", job_status="FAILED", times=1))
        jobs.append(start()["ingestionJobId"])
        clock.advance(10)

    def listed(**members):
        pages = agent.get_paginator("list_ingestion_jobs").paginate(
            knowledgeBaseId=KB, dataSourceId=SOURCE, PaginationConfig={"PageSize": 2}, **members
        )
        return [[row["ingestionJobId"] for row in page["ingestionJobSummaries"]] for page in pages]

    assert listed() == [[jobs[2], jobs[1]], [jobs[0]]]
    assert listed(sortBy={"attribute": "STARTED_AT", "order": "ASCENDING"}) == [jobs[:2], [jobs[2]]]
    assert listed(sortBy={"attribute": "STATUS", "order": "DESCENDING"}) == [[jobs[1], jobs[2]], [jobs[0]]]
    assert listed(filters=[{"attribute": "STATUS", "operator": "EQ", "values": ["FAILED"]}]) == [[jobs[1]]]


def test_an_unknown_job_is_not_found(get):
    with pytest.raises(ClientError) as refused:
        get("NOTTHERE00")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_other_operations_are_left_to_moto(aws, agent):
    assert agent.list_knowledge_bases()["knowledgeBaseSummaries"] == []
    assert aws.calls()[-1].service == "bedrock"
