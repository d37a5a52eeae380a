"""The other operations of the runtime client, and what it refuses."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from airflow_provider_bda.emulator.messages import HttpRequest
from airflow_provider_bda.emulator.services.arns import PROFILES
from airflow_provider_bda.emulator.services.runtime import Runtime

PUBLIC_PROJECT = "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"


def refusal(call, /, **members):
    with pytest.raises(ClientError) as refused:
        call(**members)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def sync_request(aws):
    def make(**members):
        return {
            "inputConfiguration": {"bytes": b"%PDF- some"},
            "dataAutomationConfiguration": {"dataAutomationProjectArn": PUBLIC_PROJECT},
            "dataAutomationProfileArn": aws.profile_arn,
            **members,
        }

    return make


def test_every_operation_of_the_model_is_served(runtime):
    missing = [
        name
        for name in runtime.meta.service_model.operation_names
        if not callable(getattr(Runtime, xform_name(name), None))
    ]
    assert missing == []


# --- the synchronous call ---------------------------------------------------------------------------


def test_the_synchronous_call_answers_results_inline(aws, reader, runtime, sync_request):
    answer = runtime.invoke_data_automation(**sync_request())
    (segment,) = answer["outputSegments"]
    assert answer["semanticModality"] == "DOCUMENT"
    assert segment["customOutputStatus"] == "MATCH"
    assert json.loads(segment["standardOutput"]) == {"text": "%PDF- some"}
    assert json.loads(segment["customOutput"]) == {"inference_result": {}}
    assert [request.sync for request in reader.requests] == [True]
    assert aws.jobs() == []


def test_the_synchronous_call_reads_and_writes_s3(aws, runtime, sync_request):
    answer = runtime.invoke_data_automation(
        **sync_request(
            inputConfiguration={"s3Uri": "s3://documents/in/one.pdf"},
            outputConfiguration={"s3Uri": "s3://documents/sync"},
        )
    )
    assert "outputSegments" not in answer
    bucket, _, key = answer["outputConfiguration"]["s3Uri"].removeprefix("s3://").partition("/")
    assert key.startswith("sync/")
    assert aws.client("s3").head_object(Bucket=bucket, Key=key)["ContentType"] == "application/json"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"inputConfiguration": {}}, "Exactly one of bytes and s3Uri"),
        ({"inputConfiguration": {"s3Uri": "s3://documents/a.pdf", "bytes": b"x"}}, "Exactly one of"),
        ({"inputConfiguration": {"s3Uri": "s3://documents/none.pdf"}}, "does not exist"),
        ({"inputConfiguration": {"bytes": b"reject"}}, "UnsupportedFileType: This file cannot be read."),
        ({"outputConfiguration": {"s3Uri": "s3://no-such/out"}}, "The bucket no-such does not exist."),
    ],
    ids=["no input", "two inputs", "no object", "refused", "no output bucket"],
)
def test_the_synchronous_call_refuses_at_once(runtime, sync_request, members, words):
    code, message = refusal(runtime.invoke_data_automation, **sync_request(**members))
    assert code == "ValidationException"
    assert words in message


def test_a_project_is_for_one_of_the_two_calls_only(control, runtime, request_for, sync_request):
    arns = {
        kind: control.create_data_automation_project(
            projectName=kind, projectType=kind, standardOutputConfiguration={}
        )["projectArn"]
        for kind in ("SYNC", "ASYNC")
    }

    def with_project(kind):
        return {"dataAutomationConfiguration": {"dataAutomationProjectArn": arns[kind]}}

    runtime.invoke_data_automation(**sync_request(**with_project("SYNC")))
    runtime.invoke_data_automation_async(**request_for(**with_project("ASYNC")))
    code, message = refusal(runtime.invoke_data_automation, **sync_request(**with_project("ASYNC")))
    assert (code, message) == (
        "ValidationException",
        f"InvokeDataAutomation needs a project of type SYNC; {arns['ASYNC']} is of type ASYNC.",
    )
    code, message = refusal(runtime.invoke_data_automation_async, **request_for(**with_project("SYNC")))
    assert "needs a project of type ASYNC" in message


# --- tags -------------------------------------------------------------------------------------------


def test_tags_are_listed_added_and_taken_away(runtime, submit):
    arn = submit(tags=[{"key": "team", "value": "red"}])
    runtime.tag_resource(
        resourceARN=arn, tags=[{"key": "team", "value": "blue"}, {"key": "cost", "value": "1"}]
    )
    runtime.untag_resource(resourceARN=arn, tagKeys=["cost", "never there"])
    assert runtime.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "team", "value": "blue"}]


def test_tags_of_an_unknown_job_are_not_found(runtime, submit):
    arn = submit()[:-4] + "0000"
    for call in (
        lambda: runtime.list_tags_for_resource(resourceARN=arn),
        lambda: runtime.tag_resource(resourceARN=arn, tags=[]),
        lambda: runtime.untag_resource(resourceARN=arn, tagKeys=[]),
    ):
        assert refusal(call)[0] == "ResourceNotFoundException"


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"clientToken": "a_b"}, "clientToken"),
        ({"clientToken": "a" * 257}, "clientToken"),
        ({"inputConfiguration": {"s3Uri": "documents/one.pdf"}}, "inputConfiguration.s3Uri"),
        ({"outputConfiguration": {"s3Uri": "s3://documents/" + "x" * 1_024}}, "outputConfiguration.s3Uri"),
        ({"dataAutomationProfileArn": "us.data-automation-v1"}, "dataAutomationProfileArn"),
        ({"blueprints": [{"blueprintArn": "arn:aws:s3:::x"}]}, "blueprints.1.member.blueprintArn"),
        (
            {"dataAutomationConfiguration": {"dataAutomationProjectArn": PUBLIC_PROJECT, "stage": "BETA"}},
            "dataAutomationConfiguration.stage",
        ),
        ({"tags": [{"key": "aws:mine", "value": "x"}]}, "tags.1.member.key"),
        ({"tags": [{"key": "a", "value": "\n"}]}, "tags.1.member.value"),
    ],
)
def test_what_the_model_forbids_is_a_validation_error_naming_the_member(runtime, request_for, members, where):
    code, message = refusal(runtime.invoke_data_automation_async, **request_for(**members))
    assert code == "ValidationException"
    assert message.startswith("1 validation error detected: ")
    assert f"at '{where}'" in message


@pytest.fixture
def raw(aws):
    """A client that checks nothing itself, as other SDKs may."""
    return aws.client("bedrock-data-automation-runtime", config=Config(parameter_validation=False))


def test_what_is_required_is_missed_without_the_clients_own_checks(raw):
    code, message = refusal(raw.invoke_data_automation_async)
    assert code == "ValidationException"
    assert message.startswith("3 validation errors detected: ")
    assert "'dataAutomationProfileArn' failed to satisfy constraint: Member must not be null" in message


def test_wrong_types_and_numbers_out_of_range_are_told(raw, request_for):
    segment = {"timestampSegment": {"startTimeMillis": -1, "endTimeMillis": 1}}
    asset = {"video": {"segmentConfiguration": segment}}
    members = {
        "inputConfiguration": {"s3Uri": "s3://documents/a.mp4", "assetProcessingConfiguration": asset},
        "blueprints": [],
    }
    _, message = refusal(raw.invoke_data_automation_async, **request_for(**members))
    assert (
        "startTimeMillis' failed to satisfy constraint: Member must have value greater than or equal to 0"
        in message
    )
    assert (
        "endTimeMillis' failed to satisfy constraint: Member must have value greater than or equal to 300000"
        in message
    )
    assert (
        "'blueprints' failed to satisfy constraint: Member must have length greater than or equal to 1"
        in message
    )


def test_a_video_segment_must_end_after_it_starts(runtime, request_for):
    segment = {"timestampSegment": {"startTimeMillis": 400_000, "endTimeMillis": 300_000}}
    given = {
        "s3Uri": "s3://documents/a.mp4",
        "assetProcessingConfiguration": {"video": {"segmentConfiguration": segment}},
    }
    assert refusal(runtime.invoke_data_automation_async, **request_for(inputConfiguration=given)) == (
        "ValidationException",
        "endTimeMillis must be greater than startTimeMillis.",
    )


def test_neither_project_nor_blueprints_is_refused(runtime, request_for):
    request = request_for()
    del request["dataAutomationConfiguration"]
    assert refusal(runtime.invoke_data_automation_async, **request) == (
        "ValidationException",
        "Either dataAutomationConfiguration or blueprints must be given.",
    )


@pytest.mark.parametrize("region", sorted(PROFILES))
def test_each_region_takes_its_own_profile_and_no_other(aws, request_for, region):
    client = aws.client("bedrock-data-automation-runtime", region_name=region)
    partition = "aws-us-gov" if region.startswith("us-gov") else "aws"

    def profile(name, owner=aws.account):
        return f"arn:{partition}:bedrock:{region}:{owner}:data-automation-profile/{name}"

    arn = client.invoke_data_automation_async(
        **request_for(dataAutomationProfileArn=profile(PROFILES[region]))
    )["invocationArn"]
    assert arn.startswith(f"arn:{partition}:bedrock:{region}:")
    wrong = "ap.data-automation-v1" if region.startswith("ap-") else "ca.data-automation-v1"
    for bad in (profile(wrong), profile(PROFILES[region], owner="999999999999")):
        code, message = refusal(
            client.invoke_data_automation_async, **request_for(dataAutomationProfileArn=bad)
        )
        assert code == "ValidationException"
        assert "DataAutomationProfile ARN is invalid" in message


def test_a_region_without_the_service_says_so(aws, request_for):
    client = aws.client("bedrock-data-automation-runtime", region_name="eu-north-1")
    _, message = refusal(client.invoke_data_automation_async, **request_for())
    assert message == "Bedrock Data Automation is not available in eu-north-1."


def test_projects_and_blueprints_must_exist_unless_aws_owns_them(aws, runtime, request_for):
    owned = f"arn:aws:bedrock:us-east-1:{aws.account}"
    configuration = {"dataAutomationProjectArn": f"{owned}:data-automation-project/nosuch000000"}
    assert refusal(
        runtime.invoke_data_automation_async, **request_for(dataAutomationConfiguration=configuration)
    ) == (
        "ValidationException",
        f"The project {owned}:data-automation-project/nosuch000000 does not exist at stage LIVE.",
    )
    assert refusal(
        runtime.invoke_data_automation_async,
        **request_for(blueprints=[{"blueprintArn": f"{owned}:blueprint/nosuch000000", "version": "2"}]),
    ) == (
        "ValidationException",
        f"The blueprint {owned}:blueprint/nosuch000000 does not exist at version 2.",
    )


def post(url, headers, body):
    request = Request(url, data=json.dumps(body).encode(), headers=headers, method="POST")  # noqa: S310 - our own server on loopback
    try:
        with urlopen(request) as answer:  # noqa: S310 - our own server on loopback
            return answer.status, json.loads(answer.read())
    except HTTPError as error:
        with error:
            return error.code, error.read()


TARGET = "AmazonBedrockKeystoneRuntimeService."


def test_a_bearer_token_reaches_the_service_without_a_signature(aws, request_for):
    code, answer = post(
        aws.endpoint_url,
        {"X-Amz-Target": TARGET + "InvokeDataAutomationAsync", "Authorization": "Bearer a-token"},
        request_for(),
    )
    assert code == 200
    assert answer["invocationArn"].startswith(f"arn:aws:bedrock:us-east-1:{aws.account}:")
    (call,) = aws.calls("InvokeDataAutomationAsync")
    assert (call.access_key_id, call.region) == (None, "us-east-1")


def test_an_unsigned_request_is_refused(aws, request_for):
    code, answer = post(
        aws.endpoint_url, {"X-Amz-Target": TARGET + "InvokeDataAutomationAsync"}, request_for()
    )
    assert (code, json.loads(answer)["__type"]) == (403, "MissingAuthenticationTokenException")
    assert aws.jobs() == []


@pytest.mark.parametrize(
    ("body", "code"),
    [(b"{", "SerializationException"), (b"[]", "SerializationException"), (b"", "ValidationException")],
)
def test_a_body_that_is_no_json_object_is_refused(aws, body, code):
    headers = {"x-amz-target": TARGET + "GetDataAutomationStatus", "authorization": "Bearer x"}
    response = aws._server._gateway.handle(HttpRequest("POST", "/", headers=headers, body=body))
    assert response.status == 400
    assert json.loads(response.body)["__type"] == code
    assert ("x-amzn-ErrorType", code) in response.headers
