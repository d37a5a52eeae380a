"""The emulator as a whole: its life, side by side with another, over its admin path, with aiobotocore."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from aiobotocore.session import get_session
from blockbuster import blockbuster_ctx
from botocore.exceptions import ClientError
from moto.s3.models import S3Backend

from airflow_provider_bda.emulator import Emulator, ManualClock, Settings
from airflow_provider_bda.emulator.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY


def admin(aws, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{aws.endpoint_url}/_bda{path}", data=data, method=method)  # noqa: S310 - our own server on loopback
    try:
        with urlopen(request) as answer:  # noqa: S310 - our own server on loopback
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def text(s3, bucket, key):
    with s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
        return body.read()


# --- life ---------------------------------------------------------------------------------------------


def test_stopping_leaves_no_thread_and_no_open_port():
    before = set(threading.enumerate())
    with Emulator(Settings(duration=0.0)) as aws:
        url = aws.endpoint_url
        aws.client("s3").create_bucket(Bucket="documents")
    aws.stop()
    assert {thread for thread in threading.enumerate() if thread not in before} == set()
    with pytest.raises(OSError, match="refused"):
        urlopen(f"{url}/_bda/")  # noqa: S310 - our own server on loopback


def test_it_listens_on_loopback_only(aws):
    assert aws.endpoint_url.startswith("http://127.0.0.1:")


def test_a_second_start_is_refused_and_a_stopped_one_says_so(aws):
    with pytest.raises(RuntimeError, match="already running"):
        aws.start()
    stopped = Emulator()
    with pytest.raises(RuntimeError, match="not running"):
        _ = stopped.endpoint_url
    with pytest.raises(RuntimeError, match="not running"):
        stopped.calls()


def test_a_taken_port_is_an_error_that_gives_the_account_back(aws):
    port = int(aws.endpoint_url.rpartition(":")[2])
    second = Emulator(Settings(account="555555555555"), port=port)
    with pytest.raises(OSError, match="in use"):
        second.start()
    with Emulator(Settings(account="555555555555")) as third:
        assert third.account == "555555555555"


def test_with_the_machines_clock_a_job_ends_by_itself(reader, monkeypatch):
    def late(callback):
        time.sleep(0.1)  # a busy machine
        callback()

    monkeypatch.setattr("airflow_provider_bda.emulator.clock._call", late)
    with Emulator(Settings(duration=0.0), analysis=reader) as aws:
        aws.client("s3").create_bucket(Bucket="documents")
        aws.client("s3").put_object(Bucket="documents", Key="a.pdf", Body=b"%PDF-")
        runtime = aws.client("bedrock-data-automation-runtime")
        arn = runtime.invoke_data_automation_async(
            inputConfiguration={"s3Uri": "s3://documents/a.pdf"},
            outputConfiguration={"s3Uri": "s3://documents/out"},
            dataAutomationConfiguration={
                "dataAutomationProjectArn": "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"
            },
            dataAutomationProfileArn=aws.profile_arn,
        )["invocationArn"]
        aws.settle()
        assert runtime.get_data_automation_status(invocationArn=arn)["status"] == "Success"


# --- side by side -------------------------------------------------------------------------------------


def test_two_emulators_share_nothing(aws, submit):
    arn = submit()
    with Emulator(Settings(region="eu-west-1"), clock=ManualClock()) as other:
        assert other.account != aws.account
        mine, theirs = aws.client("s3"), other.client("s3")
        theirs.create_bucket(
            Bucket="documents", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        theirs.put_object(Bucket="documents", Key="in/one.pdf", Body=b"theirs")
        assert text(mine, "documents", "in/one.pdf") == b"%PDF- one"
        assert text(theirs, "documents", "in/one.pdf") == b"theirs"
        mine.create_bucket(Bucket="only-mine")
        with pytest.raises(ClientError) as refused:
            theirs.head_bucket(Bucket="only-mine")
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404

        assert other.client("sts").get_caller_identity()["Account"] == other.account
        assert aws.client("sts").get_caller_identity()["Account"] == aws.account
        runtime = other.client("bedrock-data-automation-runtime")
        with pytest.raises(runtime.exceptions.ResourceNotFoundException):
            runtime.get_data_automation_status(invocationArn=arn)
        assert len(aws.calls("GetDataAutomationStatus")) == 0

        other.reset()
        assert theirs.list_buckets()["Buckets"] == []
        assert [row["Name"] for row in mine.list_buckets()["Buckets"]] == ["documents", "only-mine"]
    assert text(mine, "documents", "in/one.pdf") == b"%PDF- one"


def test_an_account_is_given_once_at_a_time(aws):
    with pytest.raises(ValueError, match=f"account {aws.account} belongs to another emulator"):
        Emulator(Settings(account=aws.account)).start()


def test_a_new_emulator_begins_empty():
    for _ in range(2):
        with Emulator() as aws:
            assert aws.client("s3").list_buckets()["Buckets"] == []
            aws.client("s3").create_bucket(Bucket="documents")


# --- what moto serves ---------------------------------------------------------------------------------


def test_a_bucket_may_be_named_like_a_path_of_ours(aws):
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="blueprints")
    s3.put_object(Bucket="blueprints", Key="a b/ü+%2F.txt", Body=b"x", Metadata={"my_key": "1"})
    assert [row["Key"] for row in s3.list_objects_v2(Bucket="blueprints")["Contents"]] == ["a b/ü+%2F.txt"]
    assert text(s3, "blueprints", "a b/ü+%2F.txt") == b"x"
    assert s3.head_object(Bucket="blueprints", Key="a b/ü+%2F.txt")["Metadata"] == {"my_key": "1"}


def test_s3_takes_large_multipart_and_conditional_puts(aws, tmp_path):
    s3 = aws.client("s3")
    big = tmp_path / "big.bin"
    big.write_bytes(bytes(range(256)) * (36 * 1_024 * 4))
    s3.upload_file(str(big), "documents", "big.bin")
    assert s3.head_object(Bucket="documents", Key="big.bin")["ContentLength"] == big.stat().st_size
    s3.put_object(Bucket="documents", Key="once", Body=b"1", IfNoneMatch="*")
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket="documents", Key="once", Body=b"2", IfNoneMatch="*")
    assert refused.value.response["Error"]["Code"] == "PreconditionFailed"


def test_a_presigned_url_reaches_s3(aws):
    url = aws.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": "documents", "Key": "in/one.pdf"}
    )
    with urlopen(url) as answer:  # noqa: S310 - our own server on loopback
        assert answer.read() == b"%PDF- one"


def test_an_assumed_role_acts_in_its_own_account(aws):
    given = aws.client("sts").assume_role(
        RoleArn="arn:aws:iam::222222222222:role/reader", RoleSessionName="test"
    )["Credentials"]
    keys = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    assert aws.client("sts", **keys).get_caller_identity()["Account"] == "222222222222"
    aws.client("bedrock-data-automation", **keys).list_blueprints()
    (call,) = aws.calls("ListBlueprints")
    assert (call.account, call.access_key_id) == ("222222222222", given["AccessKeyId"])


def test_an_operation_nobody_serves_says_so_by_name(aws):
    lookout = aws.client("lookoutequipment")
    with pytest.raises(ClientError) as refused:
        lookout.list_datasets()
    assert refused.value.response["Error"]["Code"] == "NotEmulated"
    assert "ListDatasets of lookoutequipment is not emulated" in refused.value.response["Error"]["Message"]
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert aws.calls("ListDatasets")[0].error == "NotEmulated"


def test_the_tag_paths_shared_with_bedrock_are_told_apart_by_the_arn(aws):
    bedrock = aws.client("bedrock")
    with pytest.raises(ClientError) as refused:
        bedrock.list_tags_for_resource(
            resourceARN=f"arn:aws:bedrock:us-east-1:{aws.account}:custom-model/x.y/abcdefghijkl"
        )
    assert refused.value.response["Error"]["Code"] != "NotEmulated"
    assert [call.service for call in aws.calls() if call.service == "bedrock-data-automation"] == []


# --- the admin path -----------------------------------------------------------------------------------


def test_settings_are_read_and_changed_over_the_admin_path(aws, clock, submit, status):
    assert admin(aws, "GET", "/settings")[1]["open_jobs"] == 1_800
    code, answer = admin(
        aws, "PATCH", "/settings", {"duration": [1, 2], "concurrent_jobs": {"DOCUMENT": 0}, "token_memory": 0}
    )
    assert (code, answer["duration"], answer["token_memory"]) == (200, [1, 2], 0)
    arn = submit()
    assert status(arn)["status"] == "Created"
    admin(aws, "PATCH", "/settings", {"concurrent_jobs": {"DOCUMENT": 1}})
    assert status(arn)["status"] == "InProgress"
    assert aws.settings.concurrent_jobs == {"DOCUMENT": 1, "IMAGE": 20, "AUDIO": 20, "VIDEO": 20}


def test_settings_of_the_other_services_are_changed_too(aws):
    values = {
        "durations": {"async_invoke": 90},
        "open_jobs_by_kind": {"equipment_ingestion": 2},
        "failed_segments": {"*.txt": 1},
        "data_sources": {"DS12345678": "s3://documents/kb/"},
        "optimization_metrics": {"after": {"f1": 1.0}},
        "ended_services": ["lookoutequipment"],
    }
    code, answer = admin(aws, "PATCH", "/settings", values)
    wanted = {**values, "durations": {"project": 0.0, "async_invoke": 90}}
    assert (code, {name: answer[name] for name in values}) == (200, wanted)
    assert aws.settings.ended_services == frozenset({"lookoutequipment"})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"extractor": "x"}, "cannot set extractor"),
        ({"duration": "fast"}, "seconds or [lowest, highest]"),
        ({"duration": [2, 1]}, "seconds or [lowest, highest]"),
        ({"token_memory": -1}, "seconds, or null"),
        ({"open_jobs": 1.5}, "whole number"),
        ({"concurrent_jobs": {"DOCUMENT": "x"}}, "an object of numbers"),
        ({"fixtures": []}, "must be an object"),
        ({"durations": {"project": "long"}}, "an object of numbers"),
        ({"data_sources": ["s3://documents/"]}, "must be an object"),
        ({"ended_services": "lookoutequipment"}, "a list of service names"),
    ],
)
def test_settings_that_make_no_sense_are_refused(aws, values, words):
    code, answer = admin(aws, "PATCH", "/settings", values)
    assert code == 400
    assert words in answer["error"]


def test_faults_are_added_counted_and_taken_away_over_the_admin_path(aws, runtime, submit):
    arn = submit()
    code, (rule,) = admin(aws, "POST", "/faults", {"operation": "Get*", "error": "AccessDeniedException"})
    assert (code, rule["operation"], rule["acted"]) == (200, "Get*", 0)
    with pytest.raises(runtime.exceptions.AccessDeniedException):
        runtime.get_data_automation_status(invocationArn=arn)
    assert admin(aws, "GET", "/faults")[1][0]["acted"] == 1
    assert admin(aws, "DELETE", "/faults") == (200, [])
    runtime.get_data_automation_status(invocationArn=arn)
    assert admin(aws, "POST", "/faults", {"eror": "x"})[0] == 400
    assert admin(aws, "POST", "/faults", [])[0] == 400


def test_calls_and_jobs_are_seen_over_the_admin_path(aws, submit):
    arn = submit(clientToken="mine")
    _, (call,) = admin(aws, "GET", "/calls?operation=InvokeDataAutomationAsync")
    assert (call["parameters"]["clientToken"], call["account"], call["error"]) == ("mine", aws.account, None)
    _, (job,) = admin(aws, "GET", "/jobs")
    assert (job["arn"], job["status"], job["lane"]) == (arn, "InProgress", "DOCUMENT")
    assert admin(aws, "GET", "/")[1]["jobs"] == 1
    code, answer = admin(aws, "GET", "/nothing")
    assert code == 404
    assert "GET /_bda/jobs" in answer["paths"]


@pytest.mark.parametrize("path", ["/_bda/reset", "/moto-api/reset"])
def test_a_reset_forgets_everything_but_the_settings(aws, submit, path):
    aws.settings.open_jobs = 7
    submit(clientToken="mine")
    with urlopen(Request(f"{aws.endpoint_url}{path}", method="POST")) as answer:  # noqa: S310 - our own server on loopback
        assert answer.status == 200
    assert (aws.jobs(), aws.calls()) == ([], [])
    s3 = aws.client("s3")
    assert s3.list_buckets()["Buckets"] == []
    assert aws.settings.open_jobs == 7
    s3.create_bucket(Bucket="documents")
    submit(clientToken="mine")
    assert len(aws.jobs()) == 1


# --- other clients ------------------------------------------------------------------------------------


def test_many_aiobotocore_calls_at_once_never_block_the_servers_loop(aws, clock, request_for):
    async def run():
        session = get_session()
        async with session.create_client(
            "bedrock-data-automation-runtime",
            region_name=aws.region,
            endpoint_url=aws.endpoint_url,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET_ACCESS_KEY,
        ) as client:
            with blockbuster_ctx():
                answers = await asyncio.gather(
                    *(client.invoke_data_automation_async(**request_for()) for _ in range(50))
                )
                arns = [answer["invocationArn"] for answer in answers]
                await asyncio.to_thread(clock.advance, 100)
                statuses = await asyncio.gather(
                    *(client.get_data_automation_status(invocationArn=arn) for arn in arns)
                )
            return arns, [answer["status"] for answer in statuses]

    arns, statuses = asyncio.run(run())
    assert len(set(arns)) == 50
    assert statuses == ["Success"] * 50


def test_the_environment_leads_sdks_and_airflow_here(aws):
    environ = aws.environ("aws_default", "documents")
    connection = json.loads(environ["AIRFLOW_CONN_DOCUMENTS"])
    assert connection == aws.connection() == json.loads(environ["AIRFLOW_CONN_AWS_DEFAULT"])
    assert connection["conn_type"] == "aws"
    assert connection["extra"]["endpoint_url"] == environ["AWS_ENDPOINT_URL"] == aws.endpoint_url


# --- S3 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", ["IfNoneMatch", "IfMatch"])
def test_of_two_conditional_writes_at_the_same_moment_one_wins(aws, monkeypatch, condition):
    s3 = aws.client("s3")
    value = (
        "*" if condition == "IfNoneMatch" else s3.put_object(Bucket="documents", Key="ours", Body=b"")["ETag"]
    )
    both_inside, write = threading.Barrier(2), S3Backend.put_object

    def write_when_both_are_inside(self, *args, **members):
        with suppress(threading.BrokenBarrierError):
            both_inside.wait(0.3)
        return write(self, *args, **members)

    monkeypatch.setattr(S3Backend, "put_object", write_when_both_are_inside)

    def put(body):
        try:
            s3.put_object(Bucket="documents", Key="ours", Body=body, **{condition: value})
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "written"

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(put, [b"one", b"two"]))

    assert sorted(answers) == ["PreconditionFailed", "written"]


def test_a_put_whose_client_is_gone_before_its_end_writes_nothing(aws):
    s3 = aws.client("s3")
    url = urlsplit(s3.generate_presigned_url("put_object", Params={"Bucket": "documents", "Key": "half"}))
    with socket.create_connection((url.hostname, url.port)) as client:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 10\r\n\r\n"
        client.sendall(head.encode() + b"half")
    # Those that come later have been answered by then, so the server has seen that the first is gone.
    for _ in range(20):
        s3.put_object(Bucket="documents", Key="whole", Body=b"whole")
    assert "half" not in {item["Key"] for item in s3.list_objects_v2(Bucket="documents")["Contents"]}
