"""The control plane through the hook: every operation by its boto3 name, lists over all pages, names."""

from __future__ import annotations

import json

import boto3
import pytest

from airflow_provider_bda.emulator import Emulator, Settings
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks._control_plane import ControlPlane
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationHook
from airflow_provider_bda.jobs.kind import method_name


@pytest.fixture
def hook(monkeypatch):
    with Emulator(Settings(duration=0.0)) as aws:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(aws.connection()))
        yield BedrockDataAutomationHook()


def test_every_operation_of_the_client_is_a_method_of_its_boto3_name():
    client = boto3.client(
        "bedrock-data-automation", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    operations = {method_name(name) for name in client.meta.service_model.operation_names}
    client.close()
    assert len(operations) == 27
    assert operations <= set(vars(ControlPlane))


def test_lists_go_over_all_pages_and_names_become_arns(hook):
    for number in range(7):
        hook.create_data_automation_library(libraryName=f"l{number}")
    assert [row["libraryName"] for row in hook.iter_libraries(PaginationConfig={"PageSize": 3})] == [
        f"l{number}" for number in range(7)
    ]
    arn = hook.library_arn("l3")
    assert hook.get_data_automation_library(libraryArn=arn)["library"]["libraryName"] == "l3"
    assert (hook.library_arn(arn), list(hook.iter_library_entities("l3"))) == (arn, [])
    assert list(hook.iter_library_ingestion_jobs("l3")) == []
    with pytest.raises(BdaInputError, match="no library is named 'other' in us-east-1"):
        hook.library_arn("other")
