"""The runtime hook: six operations, results, and a connection that must exist."""

from __future__ import annotations

import json

import boto3
import pytest

from airflow_provider_bda._compat import lineage_collector
from airflow_provider_bda.emulator import Emulator, Fault, Settings
from airflow_provider_bda.exceptions import BdaInputError, BdaJobRejected
from airflow_provider_bda.hooks.bedrock_data_automation import (
    BedrockDataAutomationHook,
    BedrockDataAutomationRuntimeHook,
)
from airflow_provider_bda.hooks.lineage import collect_request
from airflow_provider_bda.jobs.kind import method_name

PROJECT = "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"


@pytest.fixture
def aws(monkeypatch):
    with Emulator(Settings(duration=0.0)) as aws:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(aws.connection()))
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="documents")
        s3.put_object(Bucket="documents", Key="in/a.txt", Body=b"Invoice number: 7\n")
        yield aws


@pytest.fixture
def hook(aws):
    return BedrockDataAutomationRuntimeHook()


def submit(hook, aws, key="in/a.txt"):
    return hook.invoke_data_automation_async(
        inputConfiguration={"s3Uri": f"s3://documents/{key}"},
        outputConfiguration={"s3Uri": "s3://documents/out"},
        dataAutomationConfiguration={"dataAutomationProjectArn": PROJECT},
        dataAutomationProfileArn=hook.default_profile_arn(),
    )["invocationArn"]


def test_every_operation_of_the_client_is_a_method_of_its_boto3_name():
    client = boto3.client(
        "bedrock-data-automation-runtime",
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    operations = {method_name(name) for name in client.meta.service_model.operation_names}
    client.close()
    assert len(operations) == 6
    assert {name for name in operations if name in vars(BedrockDataAutomationRuntimeHook)} == operations


def test_a_job_is_submitted_asked_for_and_tagged(hook, aws):
    arn = submit(hook, aws)
    aws.settle()
    assert hook.get_data_automation_status(invocationArn=arn)["status"] == "Success"
    hook.tag_resource(resourceARN=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
    hook.untag_resource(resourceARN=arn, tagKeys=["b"])
    assert hook.list_tags_for_resource(resourceARN=arn) == {"tags": [{"key": "a", "value": "1"}]}


def test_a_small_document_is_answered_at_once(hook, aws):
    project = aws.client("bedrock-data-automation").create_data_automation_project(
        projectName="at-once", projectType="SYNC", standardOutputConfiguration={}
    )["projectArn"]
    answer = hook.invoke_data_automation(
        inputConfiguration={"s3Uri": "s3://documents/in/a.txt"},
        dataAutomationConfiguration={"dataAutomationProjectArn": project},
        dataAutomationProfileArn=hook.default_profile_arn(),
    )
    assert answer["semanticModality"] == "DOCUMENT"


def test_results_are_read_by_arn_and_by_uri(hook, aws):
    arn = submit(hook, aws)
    aws.settle()
    uri = hook.get_data_automation_status(invocationArn=arn)["outputConfiguration"]["s3Uri"]
    by_arn, by_uri = hook.get_results(arn), hook.get_results(uri)
    assert by_arn.to_dict() == by_uri.to_dict()
    assert by_arn.modality == "DOCUMENT"
    assert "Invoice number" in by_arn.standard.text


def test_results_of_a_job_that_did_not_succeed_are_an_error_that_says_why(hook, aws):
    with pytest.raises(BdaInputError, match="neither an invocation ARN nor"):
        hook.get_results("job-7")
    arn = submit(hook, aws, key="in/missing.pdf")
    aws.settle()
    with pytest.raises(BdaJobRejected, match="the service says"):
        hook.get_results(arn)
    aws.settings.duration = 1000.0
    with pytest.raises(BdaInputError, match="has not ended"):
        hook.get_results(submit(hook, aws))


def test_a_missing_connection_is_an_error_and_none_is_the_default_chain(aws, monkeypatch):
    for name, value in aws.environ().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BdaInputError, match=r"connection 'nobody'.*aws_conn_id=None"):
        BedrockDataAutomationRuntimeHook(aws_conn_id="nobody").conn  # noqa: B018 - built when first asked for
    assert submit(BedrockDataAutomationRuntimeHook(aws_conn_id=None), aws).startswith("arn:")


def test_an_unknown_region_is_refused_before_sts_is_asked(aws):
    hook = BedrockDataAutomationRuntimeHook(region_name="sa-east-1")
    with pytest.raises(BdaInputError, match=r"profile_arn: .*'sa-east-1'"):
        hook.default_profile_arn()
    assert [call.operation for call in aws.calls() if call.service == "sts"] == []


def test_names_are_found_over_all_pages(aws):
    control = aws.client("bedrock-data-automation")
    arns = {
        f"p{i}": control.create_data_automation_project(projectName=f"p{i}", standardOutputConfiguration={})[
            "projectArn"
        ]
        for i in range(3)
    }
    hook = BedrockDataAutomationHook()
    found = {
        item["projectName"]: item["projectArn"]
        for item in hook.iter_projects(PaginationConfig={"PageSize": 1})
    }
    assert found == arns
    assert hook.project_arn("p2") == hook.project_arn("p2") == arns["p2"]
    assert hook.blueprint_arn("arn:x") == "arn:x"
    with pytest.raises(BdaInputError, match="blueprint: no blueprint is named 'nobody'"):
        hook.blueprint_arn("nobody")


def test_a_fault_of_the_service_stays_botos_own_error(hook, aws):
    from botocore.exceptions import ClientError

    arn = submit(hook, aws)
    aws.fault(Fault(operation="GetDataAutomationStatus", error="AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDeniedException"):
        hook.get_data_automation_status(invocationArn=arn)


def test_what_the_hook_reads_and_writes_is_lineage_of_the_task_that_uses_it(hook, aws, monkeypatch):
    # As where a plugin reads lineage: without one Airflow's own collector does nothing, as in all other tests.
    collector = type(lineage_collector()).__mro__[1]()
    assert type(collector).__name__ == "HookLineageCollector"
    monkeypatch.setattr("airflow_provider_bda.hooks.lineage.lineage_collector", lambda: collector)
    arn = submit(hook, aws)
    aws.settle()
    hook.get_results(arn)
    found = collector.collected_assets
    metadata = f"s3://documents/out/{arn.rpartition('/')[2]}/job_metadata.json"
    assert sorted(item.asset.uri for item in found.inputs) == ["s3://documents/in/a.txt", metadata]
    assert [item.asset.uri for item in found.outputs] == ["s3://documents/out"]


def test_bytes_are_no_lineage(hook, monkeypatch):
    collector = type(lineage_collector()).__mro__[1]()
    monkeypatch.setattr("airflow_provider_bda.hooks.lineage.lineage_collector", lambda: collector)
    collect_request(hook, {"inputConfiguration": {"bytes": b"secret"}})
    assert not collector.has_collected


def test_a_plugin_that_breaks_lineage_costs_no_job_its_handle(hook, aws, monkeypatch):
    def broken():
        raise RuntimeError("a plugin of somebody's")

    monkeypatch.setattr("airflow_provider_bda.hooks.lineage.lineage_collector", broken)
    assert submit(hook, aws) == aws.jobs()[0].arn
