"""Every constructor argument reaches the wire, and what cannot work is refused before it does."""

from __future__ import annotations

import inspect
import json
from datetime import timedelta

import pytest

from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.operators._base import BdaJobOperator
from airflow_provider_bda.operators._tags import all_tags
from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from tests.fakes import FakeTaskInstance

PUBLIC_PROJECT = "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"
BASE = {
    "task_id": "extract",
    "input_s3_uri": "s3://documents/in/invoice.txt",
    "output_s3_uri": "s3://documents/out",
    "project": PUBLIC_PROJECT,
    "wait_for_completion": False,
}


def submit(**kwargs):
    operator = BdaInvokeOperator(**{**BASE, **kwargs})
    return operator, operator.execute({"ti": FakeTaskInstance()})


SENTINELS = [
    ("input_s3_uri", "s3://documents/in/sentinel.txt", ("inputConfiguration", "s3Uri"), None),
    ("output_s3_uri", "s3://documents/sentinel", ("outputConfiguration", "s3Uri"), None),
    ("project", "made", ("dataAutomationConfiguration", "dataAutomationProjectArn"), None),
    ("project_stage", "DEVELOPMENT", ("dataAutomationConfiguration", "stage"), None),
    ("blueprints", "made", ("blueprints", 0, "blueprintArn"), None),
    (
        "profile_arn",
        "arn:aws:bedrock:us-east-1:{account}:data-automation-profile/us.data-automation-v1",
        ("dataAutomationProfileArn",),
        None,
    ),
    (
        "video_segment",
        (1000, 300001),
        (
            "inputConfiguration",
            "assetProcessingConfiguration",
            "video",
            "segmentConfiguration",
            "timestampSegment",
        ),
        {"startTimeMillis": 1000, "endTimeMillis": 300001},
    ),
    ("kms_key_id", "alias/sentinel", ("encryptionConfiguration", "kmsKeyId"), None),
    (
        "kms_encryption_context",
        {"sentinel": "yes"},
        ("encryptionConfiguration", "kmsEncryptionContext"),
        None,
    ),
    (
        "event_bridge_enabled",
        True,
        ("notificationConfiguration", "eventBridgeConfiguration", "eventBridgeEnabled"),
        None,
    ),
    ("tags", {"sentinel": "yes"}, ("tags", 2), {"key": "sentinel", "value": "yes"}),
    ("client_token", "sentinel-token", ("clientToken",), None),
]


@pytest.mark.parametrize(("name", "value", "path", "sent"), SENTINELS, ids=[case[0] for case in SENTINELS])
def test_each_request_field_reaches_the_wire(aws, made, name, value, path, sent):
    if value == "made":
        shown = made[name.removesuffix("s")]
        value = [shown[0]] if name == "blueprints" else shown[0]
        sent = shown[1]
    if isinstance(value, str):
        value = value.format(account=aws.account)
    aws.client("s3").put_object(Bucket="documents", Key="in/sentinel.txt", Body=b"x")
    extra = {"kms_key_id": "alias/k"} if name == "kms_encryption_context" else {}
    submit(**{name: value, **extra})
    found = aws.calls("InvokeDataAutomationAsync")[-1].parameters
    for step in path:
        found = found[step]
    assert found == (value if sent is None else sent)


def test_no_argument_of_the_constructor_is_left_out_of_the_table():
    own = set(inspect.signature(BdaInvokeOperator.__init__).parameters) - {"self", "kwargs"}
    own -= {"completion_queue"}  # of the wait, not of the request
    assert own == {case[0] for case in SENTINELS}
    assert own | {"completion_queue"} | set(BdaJobOperator.aws_template_fields) == set(
        BdaInvokeOperator.template_fields
    )


def test_connection_and_region_reach_the_wire(aws, monkeypatch):
    other = {**aws.connection(), "login": "AKIASENTINEL"}
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(other))
    submit(
        aws_conn_id="other", region_name="eu-west-1", project=PUBLIC_PROJECT.replace("us-east-1", "eu-west-1")
    )
    call = aws.calls("InvokeDataAutomationAsync")[-1]
    assert (call.access_key_id, call.region) == ("AKIASENTINEL", "eu-west-1")
    assert call.parameters["dataAutomationProfileArn"].endswith(
        f"{call.account}:data-automation-profile/eu.data-automation-v1"
    )


def test_all_forms_of_a_blueprint_are_sent_as_the_api_has_them(aws, made, public_blueprint):
    name, arn = made["blueprint"]
    submit(project=None, blueprints=[public_blueprint, name, {"blueprintArn": arn, "stage": "LIVE"}])
    assert aws.calls("InvokeDataAutomationAsync")[-1].parameters["blueprints"] == [
        {"blueprintArn": public_blueprint},
        {"blueprintArn": arn},
        {"blueprintArn": arn, "stage": "LIVE"},
    ]


def test_the_account_of_the_profile_comes_from_the_project_without_asking_sts(aws, made):
    submit(project=made["project"][1])
    assert not [call for call in aws.calls() if "GetCallerIdentity" in call.operation]


def test_tags_hold_dag_and_task_and_the_configured_defaults(aws, monkeypatch):
    monkeypatch.setenv("AIRFLOW__BDA__DEFAULT_TAGS", '{"team": "claims", "airflow_task_id": "overridden"}')
    submit(tags={"team": "mine"})
    sent = {tag["key"]: tag["value"] for tag in aws.calls("InvokeDataAutomationAsync")[-1].parameters["tags"]}
    assert sent == {"airflow_dag_id": "a_dag", "airflow_task_id": "a_task", "team": "mine"}


@pytest.mark.parametrize(
    ("ascii_only", "dag_id"), [(False, "straßen.数据"), (True, "stra_en.__")], ids=["as it is", "ascii only"]
)
def test_letters_of_a_dags_id_that_a_service_takes_in_no_tag_are_replaced(ascii_only, dag_id):
    context = {"ti": FakeTaskInstance(dag_id="straßen.数据", task_id="t")}
    assert all_tags(context, None, ascii_only=ascii_only) == [
        {"key": "airflow_dag_id", "value": dag_id},
        {"key": "airflow_task_id", "value": "t"},
    ]


def test_a_dags_id_goes_to_the_service_with_all_its_letters(aws):
    BdaInvokeOperator(**BASE).execute({"ti": FakeTaskInstance(dag_id="straßen.数据")})
    (call,) = aws.calls("InvokeDataAutomationAsync")
    assert {"key": "airflow_dag_id", "value": "straßen.数据"} in call.parameters["tags"]


def test_tags_can_be_switched_off(aws, monkeypatch):
    monkeypatch.setenv("AIRFLOW__BDA__AIRFLOW_TAGS", "False")
    submit()
    assert "tags" not in aws.calls("InvokeDataAutomationAsync")[-1].parameters


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"input_s3_uri": "https://documents/in/a.pdf"},
            "input_s3_uri: .* is not an S3 URI; write s3://bucket/key",
        ),
        ({"input_s3_uri": "s3://documents/in/"}, "input_s3_uri: .* names no object"),
        ({"input_s3_uri": "s3://documents/in/a#1.pdf"}, "input_s3_uri: .* Rename the object"),
        ({"input_s3_uri": "s3://documents/" + "k" * 1024}, "input_s3_uri: 1039 characters"),
        ({"output_s3_uri": "/mnt/out"}, "output_s3_uri: .* is not an S3 URI"),
        ({"project": None}, r"project, blueprints: neither is given.*pass project="),
        ({"project_stage": "PROD"}, "project_stage: 'PROD' is not one of LIVE, DEVELOPMENT"),
        ({"video_segment": (400_000, 300_000)}, "video_segment: .* ends before it starts"),
        ({"video_segment": (0, 1000)}, "video_segment: .*300000 ms"),
        ({"video_segment": [1]}, r"video_segment: .* no pair"),
        ({"tags": {"aws:x": "1"}}, "tags: tag 'aws:x'.*rename it"),
        ({"tags": {"a": "1;2"}}, "tags: tag 'a': only letters"),
        ({"tags": {"a": 1}}, "tags: tag 'a': key and value must be strings"),
        ({"tags": {"a": "x" * 257}}, "at most 256"),
        ({"tags": ["a"]}, "tags: a dict of strings is wanted"),
        ({"kms_encryption_context": {"a": "b"}}, "needs kms_key_id="),
        ({"poll_interval": 0}, "poll_interval: 0 is no duration"),
        ({"wait_timeout": timedelta(0)}, "wait_timeout: .* is no duration"),
        ({"waiter_delay": 3}, "waiter_delay: .*use poll_interval instead"),
        ({"waiter_max_attempts": 3}, r"waiter_max_attempts: .*use wait_timeout"),
    ],
)
def test_bad_input_is_refused_in_the_constructor_and_names_the_mend(change, complaint):
    with pytest.raises(BdaInputError, match=complaint):
        BdaInvokeOperator(**{**BASE, **change})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"region_name": "sa-east-1"},
            "profile_arn: no data-automation profile is known for region 'sa-east-1'",
        ),
        ({"project": "nobody-made-this"}, "project: no project is named 'nobody-made-this' in us-east-1"),
        ({"blueprints": [{"arn": "x"}]}, "blueprints: a dict has blueprintArn"),
        ({"aws_conn_id": "missing"}, "connection 'missing'.*does not exist"),
        ({"client_token": "no_underscores"}, "InvokeDataAutomationAsync was refused, nothing was submitted"),
    ],
)
def test_what_shows_only_at_run_time_is_refused_before_anything_is_submitted(aws, change, complaint):
    with pytest.raises(BdaInputError, match=complaint):
        submit(**change)
    assert aws.jobs() == []


def test_a_template_is_checked_when_it_is_rendered(aws):
    operator = BdaInvokeOperator(**{**BASE, "input_s3_uri": "{{ params.uri }}"})
    operator.input_s3_uri = "not-s3"
    with pytest.raises(BdaInputError, match="input_s3_uri"):
        operator.execute({"ti": FakeTaskInstance()})


def test_a_name_that_two_projects_have_is_an_error_that_lists_them(aws, made):
    from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationHook

    class TwoStages(BedrockDataAutomationHook):
        def iter_projects(self, **filters):
            yield {"projectName": "p", "projectArn": "arn:1"}
            yield {"projectName": "p", "projectArn": "arn:1"}
            yield {"projectName": "q", "projectArn": "arn:2"}
            yield {"projectName": "q", "projectArn": "arn:3"}

    hook = TwoStages()
    assert hook.project_arn("p") == "arn:1", "one project in two stages is one project"
    with pytest.raises(BdaInputError, match=r"2 projects are named 'q'.*one of arn:2, arn:3"):
        hook.project_arn("q")
