"""Asynchronous invokes of bedrock-runtime: start, get, list, and what they leave on S3."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from airflow_provider_bda.emulator import Fault

START = datetime.fromtimestamp(1_767_225_600, UTC)
REEL = "amazon.nova-reel-v1:1"
EMBED = "amazon.nova-2-multimodal-embeddings-v1:0"
VIDEO_INPUT = {
    "taskType": "TEXT_VIDEO",
    "textToVideoParams": {"text": "A dog."},
    "videoGenerationConfig": {"durationSeconds": 12},
}


def text_input(uri="s3://documents/in/long.txt", size=3):
    source = {"s3Location": {"uri": uri}}
    text = {"truncationMode": "NONE", "source": source, "segmentationConfig": {"maxLengthChars": size}}
    return {
        "taskType": "SEGMENTED_EMBEDDING",
        "segmentedEmbeddingParams": {"embeddingDimension": 256, "text": text},
    }


@pytest.fixture
def bedrock(aws):
    return aws.client("bedrock-runtime")


@pytest.fixture
def start(bedrock):
    def run(model=REEL, given=None, **members):
        return bedrock.start_async_invoke(
            **{
                "modelId": model,
                "modelInput": VIDEO_INPUT if given is None else given,
                "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://documents/out/"}},
                **members,
            }
        )["invocationArn"]

    return run


@pytest.fixture
def get(bedrock):
    def ask(arn):
        answer = bedrock.get_async_invoke(invocationArn=arn)
        del answer["ResponseMetadata"]
        return answer

    return ask


@pytest.fixture
def left(aws):
    """Read a file that an invoke left."""

    def read(answer, name):
        where = answer["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]
        bucket, _, key = where.removeprefix("s3://").partition("/")
        with aws.client("s3").get_object(Bucket=bucket, Key=f"{key}/{name}")["Body"] as body:
            return body.read()

    return read


def refusal(call, **members):
    with pytest.raises(ClientError) as refused:
        call(**members)
    return refused.value.response["Error"]["Code"]


# --- start and get ----------------------------------------------------------------------------------


def test_an_invoke_goes_from_in_progress_to_completed_and_echoes_its_request(aws, clock, start, get):
    output = {
        "s3Uri": "s3://documents/out",
        "kmsKeyId": f"arn:aws:kms:us-east-1:{aws.account}:alias/key",
        "bucketOwner": aws.account,
    }
    arn = start(clientRequestToken="a.token!", outputDataConfig={"s3OutputDataConfig": output})
    job_id = arn.rpartition("/")[2]
    assert arn == f"arn:aws:bedrock:us-east-1:{aws.account}:async-invoke/{job_id}"
    assert get(arn) == {
        "invocationArn": arn,
        "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{REEL}",
        "clientRequestToken": "a.token!",
        "status": "InProgress",
        "submitTime": START,
        "lastModifiedTime": START,
        "outputDataConfig": {"s3OutputDataConfig": {**output, "s3Uri": f"s3://documents/out/{job_id}"}},
    }
    clock.advance(10)
    answer = get(arn)
    assert (answer["status"], answer["endTime"]) == ("Completed", START + timedelta(seconds=10))
    assert answer["lastModifiedTime"] == answer["endTime"]


def test_a_video_leaves_its_shots_and_a_status_file(clock, start, get, left):
    arn = start()
    clock.advance(10)
    status = json.loads(left(get(arn), "video-generation-status.json"))
    where = f"s3://documents/out/{arn.rpartition('/')[2]}"
    assert status["fullVideo"] == {"status": "SUCCESS", "location": f"{where}/output.mp4"}
    assert [shot["location"] for shot in status["shots"]] == [
        f"{where}/shot_0001.mp4",
        f"{where}/shot_0002.mp4",
    ]
    assert left(get(arn), "shot_0002.mp4")[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("failing", "status", "segments"),
    [
        (0, "SUCCESS", ["SUCCESS", "SUCCESS", "SUCCESS"]),
        (1, "PARTIAL_SUCCESS", ["FAILURE", "SUCCESS", "SUCCESS"]),
        (3, "FAILURE", ["FAILURE", "FAILURE", "FAILURE"]),
    ],
)
def test_a_completed_embedding_may_hold_failed_segments(
    aws, clock, start, get, left, failing, status, segments
):
    aws.settings.failed_segments = {"s3://documents/in/*": failing}
    aws.client("s3").put_object(Bucket="documents", Key="in/long.txt", Body=b"abcdefgh")
    arn = start(EMBED, text_input())
    clock.advance(10)
    answer = get(arn)
    assert answer["status"] == "Completed"
    result = json.loads(left(answer, "segmented-embedding-result.json"))
    (row,) = result.pop("embeddingResults")
    assert result == {"sourceFileUri": "s3://documents/in/long.txt", "embeddingDimension": 256}
    assert (row["embeddingType"], row["status"], "failureReason" in row) == ("TEXT", status, failing > 0)
    assert row["outputFileUri"].endswith("/embedding-text.jsonl")
    lines = [json.loads(line) for line in left(answer, "embedding-text.jsonl").splitlines()]
    assert [line["status"] for line in lines] == segments
    assert [len(line["embedding"]) for line in lines if line["status"] == "SUCCESS"] == [256] * (3 - failing)


def test_equal_segments_have_equal_vectors(aws, clock, start, get, left):
    aws.client("s3").put_object(Bucket="documents", Key="in/long.txt", Body=b"abcabcxyz")
    arn = start(EMBED, text_input())
    clock.advance(10)
    first, second, third = (
        json.loads(line)["embedding"] for line in left(get(arn), "embedding-text.jsonl").splitlines()
    )
    assert first == second != third


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"model": EMBED, "given": text_input("s3://documents/in/none.txt")}, "in/none.txt does not exist"),
        (
            {"outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://no-such-bucket/out"}}},
            "no-such-bucket does not exist",
        ),
    ],
)
def test_what_is_missing_on_s3_ends_as_failed(clock, start, get, members, words):
    arn = start(**members)
    clock.advance(10)
    answer = get(arn)
    assert (answer["status"], words in answer["failureMessage"]) == ("Failed", True)


def test_a_fault_rule_ends_it_as_failed(aws, clock, start, get):
    aws.fault(Fault(operation="StartAsyncInvoke", job_status="Failed", message="on demand"))
    arn = start()
    clock.advance(10)
    assert (get(arn)["status"], get(arn)["failureMessage"]) == ("Failed", "on demand")


def test_the_same_token_is_the_same_invoke(aws, start, bedrock):
    assert start(clientRequestToken="t") == start(clientRequestToken="t")
    assert len(aws.jobs()) == 1
    assert (
        refusal(
            bedrock.start_async_invoke,
            modelId=EMBED,
            modelInput={},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://documents/out"}},
            clientRequestToken="t",
        )
        == "ConflictException"
    )


def test_an_unknown_invoke_is_a_validation_error_for_the_model_has_no_other(bedrock, start):
    arn = start()[:-4] + "0000"
    assert refusal(bedrock.get_async_invoke, invocationArn=arn) == "ValidationException"


def test_a_provisioned_model_keeps_its_arn(aws, start, get):
    model = f"arn:aws:bedrock:us-east-1:{aws.account}:provisioned-model/abcdefghijkl"
    assert get(start(model))["modelArn"] == model


def test_the_synchronous_operations_are_left_to_moto(aws, bedrock):
    with bedrock.invoke_model(modelId="any", body=b"{}")["body"] as body:
        assert body.read()
    assert [call.service for call in aws.calls()][-1] == "bedrock"


# --- list -------------------------------------------------------------------------------------------


@pytest.fixture
def hourly(clock, start):
    """Five invokes, an hour apart; the last is still in progress."""
    arns = []
    for number in range(5):
        if number:
            clock.advance(3_600)
        arns.append(start(clientRequestToken=f"token-{number}"))
    return arns


def paged(bedrock, **members):
    pages = bedrock.get_paginator("list_async_invokes").paginate(**members)
    return [[row["invocationArn"] for row in page["asyncInvokeSummaries"]] for page in pages]


def test_a_row_of_the_list_is_what_get_answers(bedrock, hourly, get):
    (row,) = bedrock.list_async_invokes(maxResults=1)["asyncInvokeSummaries"]
    assert row == get(hourly[4])


def test_the_list_is_sorted_by_submission_the_newest_first_unless_told(bedrock, hourly):
    assert paged(bedrock) == [hourly[::-1]]
    assert paged(bedrock, sortBy="SubmissionTime", sortOrder="Descending") == [hourly[::-1]]
    assert paged(bedrock, sortBy="SubmissionTime", sortOrder="Ascending") == [hourly]


def test_the_list_is_filtered_by_time_and_status(bedrock, hourly):
    after, before = START + timedelta(minutes=30), START + timedelta(hours=3)
    assert paged(bedrock, submitTimeAfter=after, submitTimeBefore=before, sortOrder="Ascending") == [
        hourly[1:3]
    ]
    assert paged(bedrock, statusEquals="InProgress") == [[hourly[4]]]
    assert paged(bedrock, statusEquals="Completed", sortOrder="Ascending") == [hourly[:4]]
    assert paged(bedrock, statusEquals="Failed") == [[]]


def test_the_paginator_gives_pages_an_item_limit_and_a_token_to_resume_from(bedrock, hourly):
    assert paged(bedrock, sortOrder="Ascending", PaginationConfig={"PageSize": 2}) == [
        hourly[:2],
        hourly[2:4],
        hourly[4:],
    ]
    pages = bedrock.get_paginator("list_async_invokes").paginate(
        sortOrder="Ascending", PaginationConfig={"PageSize": 2, "MaxItems": 3}
    )
    found = [row["invocationArn"] for row in pages.build_full_result()["asyncInvokeSummaries"]]
    assert found == hourly[:3]
    rest = paged(
        bedrock, sortOrder="Ascending", PaginationConfig={"PageSize": 2, "StartingToken": pages.resume_token}
    )
    assert [arn for page in rest for arn in page] == hourly[3:]


def test_no_row_is_lost_or_repeated_when_jobs_come_and_go_between_two_pages(clock, bedrock, start):
    first = [start() for _ in range(4)]
    page = bedrock.list_async_invokes(maxResults=2, statusEquals="InProgress")
    assert [row["invocationArn"] for row in page["asyncInvokeSummaries"]] == [first[3], first[2]]
    start()
    again = bedrock.list_async_invokes(maxResults=2, statusEquals="InProgress", nextToken=page["nextToken"])
    assert [row["invocationArn"] for row in again["asyncInvokeSummaries"]] == [first[1], first[0]]

    rising = bedrock.list_async_invokes(maxResults=4, statusEquals="InProgress", sortOrder="Ascending")
    late = start()
    clock.advance(10)
    later = start()
    rest = bedrock.list_async_invokes(sortOrder="Ascending", nextToken=rising["nextToken"])
    assert [row["invocationArn"] for row in rest["asyncInvokeSummaries"]][-2:] == [late, later]


def test_a_token_that_was_never_given_is_refused(bedrock):
    assert refusal(bedrock.list_async_invokes, nextToken="made-up") == "ValidationException"


def test_another_region_lists_its_own(aws, hourly):
    assert (
        aws.client("bedrock-runtime", region_name="eu-west-1").list_async_invokes()["asyncInvokeSummaries"]
        == []
    )
