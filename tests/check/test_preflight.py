"""Each refusal is found, told from what cannot be told, and comes with the IAM statement that mends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from airflow_provider_bda.check import Finding, Report, Verdict
from airflow_provider_bda.check import service as service_checks
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook

PASS, FAIL, CANNOT_TELL = Verdict.PASS, Verdict.FAIL, Verdict.CANNOT_TELL


def verdicts(found):
    return {what: finding.verdict for what, finding in found.items()}


def objects(aws, bucket):
    return [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_where_everything_is_there_everything_that_can_be_told_passes(aws, project, check):
    assert verdicts(check(project="invoices")) == {
        "connection": PASS,
        "name of bedrock-data-automation-runtime": PASS,
        "name of bedrock-data-automation": PASS,
        "name of s3": PASS,
        "name of sts": PASS,
        "identity": PASS,
        "region": PASS,
        "project by name": PASS,
        "project": PASS,
        "status of a job": PASS,
        "input bucket": PASS,
        "list the input": PASS,
        "read the input": PASS,
        "output bucket": PASS,
        "write the output": PASS,
        "read the output": PASS,
        "delete in the output": PASS,
        "KMS key": PASS,
        "quotas": CANNOT_TELL,
        "a job of one page": CANNOT_TELL,
    }


def test_it_is_free_and_leaves_nothing_behind(aws, project, check):
    check(project=project)
    assert aws.jobs() == []
    assert objects(aws, "results") == []


def test_only_what_is_named_is_looked_at(aws, check):
    found = check(input_s3_uri=None, output_s3_uri=None)
    assert list(found)[-5:] == ["identity", "region", "status of a job", "quotas", "a job of one page"]


ARN = "arn:aws:bedrock:us-east-1:{account}"
REFUSALS = [
    (
        "GetDataAutomationProject",
        "AccessDeniedException",
        "project",
        {"Sid": "ReadProject", "Action": ["bedrock:GetDataAutomationProject"], "Resource": ["{project}"]},
    ),
    (
        "ListDataAutomationProjects",
        "AccessDeniedException",
        "project by name",
        {"Sid": "FindByName", "Action": ["bedrock:ListDataAutomationProjects"], "Resource": ["*"]},
    ),
    (
        "GetDataAutomationStatus",
        "AccessDeniedException",
        "status of a job",
        {
            "Sid": "Wait",
            "Action": ["bedrock:GetDataAutomationStatus"],
            "Resource": [f"{ARN}:data-automation-invocation/*"],
        },
    ),
    (
        "s3:PUT",
        "AccessDenied",
        "write the output",
        {"Sid": "WriteOutput", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::results/out/*"]},
    ),
]


@pytest.mark.parametrize(
    ("operation", "error", "what", "statement"), REFUSALS, ids=[row[2] for row in REFUSALS]
)
def test_a_refusal_fails_and_names_the_missing_statement(
    aws, project, check, operation, error, what, statement
):
    aws.fault(Fault(operation=operation, error=error, status=403, message="not authorized"))
    finding = check(project="invoices")[what]
    text = json.dumps({"Effect": "Allow", **statement})
    expected = json.loads(text.replace("{account}", aws.account).replace("{project}", project))
    assert (finding.verdict, finding.detail, finding.statement) == (
        FAIL,
        f"{error}: not authorized",
        expected,
    )


S3_REFUSALS = [
    (
        "s3://documents",
        "list the input",
        "SeeBuckets",
        "s3:ListBucket",
        ["arn:aws:s3:::documents", "arn:aws:s3:::results"],
        FAIL,
    ),
    (
        "s3://documents/in/invoice.txt",
        "read the input",
        "ReadInput",
        "s3:GetObject",
        ["arn:aws:s3:::documents/in/*"],
        FAIL,
    ),
    (
        "s3://results/*",
        "read the output",
        "ReadResults",
        "s3:GetObject",
        ["arn:aws:s3:::results/out/*"],
        FAIL,
    ),
]


@pytest.mark.parametrize(
    ("uri", "what", "sid", "action", "resource", "verdict"), S3_REFUSALS, ids=[r[1] for r in S3_REFUSALS]
)
def test_each_right_on_s3_is_tried_by_itself(aws, check, uri, what, sid, action, resource, verdict):
    aws.fault(Fault(operation="s3:GET", input_uri=uri, error="AccessDenied", status=403))
    found = check()
    assert {name for name, finding in found.items() if finding.verdict is FAIL} == {what}
    assert found[what].statement == {"Sid": sid, "Effect": "Allow", "Action": [action], "Resource": resource}


def test_a_delete_that_is_denied_is_no_failure_but_said_with_what_stays(aws, check):
    aws.fault(Fault(operation="s3:DELETE", error="AccessDenied", status=403))
    finding = check()["delete in the output"]
    (left,) = objects(aws, "results")
    assert finding.verdict is CANNOT_TELL
    assert f"s3://results/{left} stays" in finding.detail
    assert finding.statement["Action"] == ["s3:DeleteObject"]


def test_a_bucket_of_another_region_and_one_that_is_not_there_fail(aws, check):
    aws.client("s3").create_bucket(
        Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    found = check(input_s3_uri="s3://far-away/in/", output_s3_uri="s3://nowhere/out")
    assert found["input bucket"] == Finding(
        "input bucket",
        FAIL,
        "far-away lies in eu-west-1, the job would run in us-east-1: they must be the same",
    )
    assert found["read the input"].verdict is CANNOT_TELL
    assert found["output bucket"] == Finding("output bucket", FAIL, "there is no bucket nowhere")
    assert found["write the output"].verdict is FAIL
    assert found["read the output"].verdict is CANNOT_TELL


@pytest.mark.parametrize(
    ("name", "what", "detail"),
    [
        ("no-such", "project by name", "no project has the name 'no-such' in us-east-1; pass the ARN"),
        (
            "arn:aws:bedrock:eu-west-1:123456789012:data-automation-project/x",
            "region",
            "the connection's is us-east-1, the project lies in eu-west-1",
        ),
    ],
)
def test_a_project_that_is_not_there_or_elsewhere_fails(aws, check, name, what, detail):
    assert check(project=name)[what] == Finding(what, FAIL, detail)


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        ({"status": "FAILED"}, FAIL, "mend the project"),
        ({"status": "IN_PROGRESS"}, CANNOT_TELL, "it is not complete yet"),
        ({"projectType": "SYNC"}, FAIL, "type SYNC"),
    ],
)
def test_a_project_that_cannot_take_jobs_does_not_pass(
    aws, project, check, monkeypatch, answer, verdict, words
):
    judged = service_checks._judged
    monkeypatch.setattr(service_checks, "_judged", lambda finding, seen: judged(finding, {**seen, **answer}))
    finding = check(project=project)["project"]
    assert finding.verdict is verdict
    assert words in finding.detail


def test_a_region_without_a_profile_fails(aws, check, connection):
    value = aws.connection()
    value["extra"]["region_name"] = "sa-east-1"
    connection(value)
    finding = check()["region"]
    assert finding.verdict is FAIL
    assert finding.detail.startswith(
        "no data-automation profile is known for sa-east-1; known: ap-northeast-1,"
    )


def test_credentials_that_are_refused_end_the_preflight(aws, check):
    aws.fault(Fault(operation="sts:GetCallerIdentity", error="InvalidClientTokenId", status=403))
    found = check()
    assert found["identity"].verdict is FAIL
    assert list(found)[-2:] == ["identity", "everything else"]
    assert found["everything else"].verdict is CANNOT_TELL


def test_a_role_that_may_not_be_assumed_names_the_statement(aws, check, connection):
    role = f"arn:aws:iam::{aws.account}:role/reader"
    value = aws.connection()
    value["extra"]["role_arn"] = role
    connection(value)
    aws.fault(Fault(operation="sts:AssumeRole", error="AccessDenied", status=403, message="not authorized"))
    found = check()
    assert found["connection"] == Finding(
        "connection",
        FAIL,
        "aws_default: AccessDenied: not authorized",
        {"Sid": "AssumeRole", "Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [role]},
    )


def test_a_connection_that_does_not_exist_fails_and_nothing_is_asked(aws, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT", raising=False)
    report = BedrockDataAutomationRuntimeHook().check()
    assert [finding.what for finding in report.findings] == ["connection", "everything else"]
    assert "does not exist" in report.findings[0].detail
    assert not report.passed
    assert aws.calls("GetCallerIdentity") == []


def test_a_name_that_does_not_resolve_fails_and_a_proxy_cannot_tell(aws, check, connection):
    value = aws.connection()
    value["extra"]["service_config"]["sts"]["endpoint_url"] = "http://no-such-host.invalid:9"
    value["extra"]["config_kwargs"] = {"retries": {"total_max_attempts": 1}}
    connection(value)
    finding = check()["name of sts"]
    assert finding.verdict is FAIL
    assert finding.detail.startswith("no-such-host.invalid does not resolve")
    value["extra"]["config_kwargs"] |= {"proxies": {"http": aws.endpoint_url}}
    connection(value)
    assert check()["name of sts"] == Finding(
        "name of sts", CANNOT_TELL, "no-such-host.invalid: behind a proxy, which resolves it"
    )


def test_a_service_that_is_busy_is_no_failure(aws, project, check):
    aws.fault(Fault(operation="GetDataAutomationProject", error="ThrottlingException"))
    aws.fault(Fault(operation="GetDataAutomationStatus", error="InternalServerException"))
    found = check(project=project)
    assert (found["project"].verdict, found["status of a job"].verdict) == (CANNOT_TELL, CANNOT_TELL)


def test_the_role_of_a_connection_with_only_a_global_endpoint_is_pointed_out(
    aws, check, connection, monkeypatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.endpoint_url)
    value = aws.connection()
    value["extra"] |= {"role_arn": f"arn:aws:iam::{aws.account}:role/reader", "service_config": {}}
    connection(value)
    assert check()["endpoint for the role"].verdict is CANNOT_TELL


def test_a_key_is_tried_by_encrypting_with_it(aws, check):
    key = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    found = check(kms_key_id=key)
    assert found["KMS key"].verdict is PASS
    assert objects(aws, "results") == []
    aws.fault(
        Fault(
            operation="s3:PUT",
            input_uri="*.kms",
            error="AccessDenied",
            status=403,
            message="kms:GenerateDataKey",
        )
    )
    finding = check(kms_key_id=key)["KMS key"]
    assert (finding.verdict, finding.statement["Sid"], finding.statement["Resource"]) == (
        FAIL,
        "UseKey",
        [key],
    )


def test_submit_buys_one_page_and_says_so(aws, project, check, monkeypatch):
    monkeypatch.setattr(service_checks, "PAGE_INTERVAL", 0.05)
    finding = check(project=project, submit=True)["a job of one page"]
    (job,) = aws.jobs()
    assert finding.verdict is PASS
    assert finding.detail.startswith(
        f"one page was bought: {job.arn} ended as Success; its output stays under s3://results/out/"
    )
    assert not [key for key in objects(aws, "results") if key.endswith("page.pdf")]


def test_submit_that_is_denied_or_fails_does_not_pass(aws, project, check, monkeypatch):
    monkeypatch.setattr(service_checks, "PAGE_INTERVAL", 0.05)
    aws.fault(
        Fault(
            operation="InvokeDataAutomationAsync",
            job_status="ServiceError",
            error_type="Broken",
            message="sorry",
        )
    )
    finding = check(project=project, submit=True)["a job of one page"]
    assert finding.verdict is FAIL
    assert finding.detail.endswith("ended as ServiceError; Broken: sorry")
    aws.fault(Fault(operation="InvokeDataAutomationAsync", error="AccessDeniedException"))
    finding = check(project=project, submit=True)["a job of one page"]
    assert (finding.verdict, finding.statement["Sid"]) == (FAIL, "Submit")
    assert project in finding.statement["Resource"]
    assert check(output_s3_uri=None, submit=True)["a job of one page"].verdict is FAIL


def test_the_text_holds_the_table_the_policy_and_the_sum():
    allow = {"Sid": "A", "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["*"]}
    report = Report(
        (
            Finding("identity", PASS, "somebody"),
            Finding("read", FAIL, "AccessDenied: no", allow),
            Finding("read again", FAIL, "AccessDenied: no", allow),
            Finding("quotas", CANNOT_TELL, "AccessDenied: no"),
        )
    )
    assert report.text().splitlines() == [
        "identity    pass         somebody",
        "read        FAIL         AccessDenied: no",
        "read again  FAIL         AccessDenied: no",
        "quotas      cannot tell  AccessDenied: no",
        "",
        "Missing in IAM for this identity:",
        *json.dumps({"Version": "2012-10-17", "Statement": [allow]}, indent=2).splitlines(),
        "",
        "1 pass, 2 FAIL, 1 cannot tell",
    ]
    assert not report.passed


def command(environment, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "airflow_provider_bda.check", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=100,
        check=False,
    )


@pytest.mark.timeout(120)
def test_the_command_reads_the_connection_as_airflow_does_and_answers_by_its_exit_code(
    aws, project, tmp_path
):
    aws.fault(Fault(operation="s3:DELETE", error="AccessDenied", status=403))
    environment = {**aws.environ("claims"), "AIRFLOW_HOME": str(tmp_path)}
    given = [
        "--project",
        project,
        "--input",
        "s3://documents/in/invoice.txt",
        "--output",
        "s3://results/out/",
    ]
    done = command(environment, "--conn", "claims", *given, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["passed"]
    assert answer["findings"][0] == {
        "what": "connection",
        "verdict": "pass",
        "detail": "claims: no role, region us-east-1",
        "statement": None,
    }
    assert [item["Sid"] for item in answer["missing_statements"]] == ["CleanUp"]


@pytest.mark.airflow
@pytest.mark.timeout(200)
def test_the_command_finds_the_connection_in_airflows_database(aws, project, connection_in_database):
    connection_in_database("claims_of_the_database", aws.connection())
    done = command({}, "--conn", "claims_of_the_database", "--project", project, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    first, *others = json.loads(done.stdout)["findings"]
    assert (first["verdict"], first["detail"]) == (
        "pass",
        "claims_of_the_database: no role, region us-east-1",
    )
    # It was used, not only found.
    assert {item["what"]: item["verdict"] for item in others}["project"] == "pass"
    assert "made-up" not in done.stdout + done.stderr


@pytest.mark.timeout(120)
def test_the_command_fails_where_the_connection_is_not_there(aws, tmp_path):
    done = command({"AIRFLOW_HOME": str(tmp_path)}, "--conn", "no_such")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith(
        "connection       FAIL         no_such: BdaInputError: the Airflow conn"
    )


def test_the_command_refuses_what_is_no_s3_uri():
    from airflow_provider_bda.check.__main__ import main

    with pytest.raises(SystemExit):
        main(["--input", "documents/in"])
