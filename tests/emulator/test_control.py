"""Projects, blueprints and their versions, over REST-JSON."""

from __future__ import annotations

import json

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from airflow_provider_bda.emulator import Fault

SCHEMA = json.dumps({"class": "invoice", "properties": {"total": {"type": "number"}}})
OTHER = json.dumps({"class": "receipt", "properties": {}})


def code(call, /, **members):
    with pytest.raises(ClientError) as refused:
        call(**members)
    return refused.value.response["Error"]["Code"], refused.value.response["ResponseMetadata"][
        "HTTPStatusCode"
    ]


@pytest.fixture
def blueprint(control):
    def make(name="invoice", **members):
        return control.create_blueprint(
            **{"blueprintName": name, "type": "DOCUMENT", "schema": SCHEMA, **members}
        )["blueprint"]

    return make


@pytest.fixture
def project(control):
    def make(name="invoices", **members):
        return control.create_data_automation_project(
            **{"projectName": name, "standardOutputConfiguration": {}, **members}
        )["projectArn"]

    return make


def test_a_project_is_created_read_updated_and_deleted(aws, control, blueprint):
    standard = {
        "document": {"extraction": {"granularity": {"types": ["PAGE"]}, "boundingBox": {"state": "ENABLED"}}}
    }
    custom = {"blueprints": [{"blueprintArn": blueprint()["blueprintArn"], "blueprintStage": "LIVE"}]}
    created = control.create_data_automation_project(
        projectName="invoices",
        projectDescription="what it is for",
        projectStage="LIVE",
        projectType="ASYNC",
        standardOutputConfiguration=standard,
        customOutputConfiguration=custom,
        overrideConfiguration={"document": {"splitter": {"state": "ENABLED"}}},
        encryptionConfiguration={"kmsKeyId": "alias/key", "kmsEncryptionContext": {"a": "b"}},
        tags=[{"key": "team", "value": "red"}],
    )
    assert created["ResponseMetadata"]["HTTPStatusCode"] == 201
    arn = created["projectArn"]
    assert (created["projectStage"], created["status"]) == ("LIVE", "COMPLETED")

    read = control.get_data_automation_project(projectArn=arn)["project"]
    assert read.pop("creationTime") == read.pop("lastModifiedTime")
    assert read == {
        "projectArn": arn,
        "projectName": "invoices",
        "projectDescription": "what it is for",
        "projectStage": "LIVE",
        "projectType": "ASYNC",
        "standardOutputConfiguration": standard,
        "customOutputConfiguration": custom,
        "overrideConfiguration": {"document": {"splitter": {"state": "ENABLED"}}},
        "status": "COMPLETED",
        "kmsKeyId": "alias/key",
        "kmsEncryptionContext": {"a": "b"},
    }
    assert control.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "team", "value": "red"}]

    aws.clock.advance(5)
    control.update_data_automation_project(projectArn=arn, standardOutputConfiguration={})
    changed = control.get_data_automation_project(projectArn=arn)["project"]
    assert (changed["projectName"], changed["standardOutputConfiguration"]) == ("invoices", {})
    assert "customOutputConfiguration" not in changed
    assert (changed["lastModifiedTime"] - changed["creationTime"]).total_seconds() == 5

    assert control.delete_data_automation_project(projectArn=arn)["projectArn"] == arn
    assert code(control.get_data_automation_project, projectArn=arn) == ("ResourceNotFoundException", 404)


def test_the_arn_in_the_path_is_matched_raw(aws, control, project):
    arn = project()
    control.get_data_automation_project(projectArn=arn)
    assert aws.calls("GetDataAutomationProject")[0].parameters == {"projectArn": arn}


def test_a_name_is_taken_once(control, project, blueprint):
    project()
    blueprint()
    assert code(
        control.create_data_automation_project, projectName="invoices", standardOutputConfiguration={}
    ) == ("ConflictException", 409)
    assert code(control.create_blueprint, blueprintName="invoice", type="DOCUMENT", schema=OTHER) == (
        "ConflictException",
        409,
    )


def test_a_token_used_again_answers_the_same_resource(project, blueprint):
    token = "a" * 33
    assert project(clientToken=token) == project(clientToken=token)
    assert blueprint(clientToken=token) == blueprint(clientToken=token)


def test_a_control_plane_token_must_be_long(aws):
    raw = aws.client("bedrock-data-automation", config=Config(parameter_validation=False))
    assert code(
        raw.create_blueprint, blueprintName="x", type="DOCUMENT", schema=SCHEMA, clientToken="short"
    ) == ("ValidationException", 400)


def test_a_project_at_one_stage_is_not_found_at_the_other(control, project):
    arn = project(projectStage="DEVELOPMENT")
    assert control.get_data_automation_project(projectArn=arn)["project"]["projectStage"] == "DEVELOPMENT"
    assert code(control.get_data_automation_project, projectArn=arn, projectStage="LIVE")[0] == (
        "ResourceNotFoundException"
    )
    control.update_data_automation_project(
        projectArn=arn, projectStage="LIVE", standardOutputConfiguration={}
    )
    assert control.get_data_automation_project(projectArn=arn)["project"]["projectStage"] == "LIVE"
    listed = control.list_data_automation_projects(projectStageFilter="DEVELOPMENT")["projects"]
    assert [(row["projectArn"], row["projectStage"]) for row in listed] == [(arn, "DEVELOPMENT")]


def test_projects_are_listed_in_pages_by_boto3s_paginator(control, project):
    arns = [project(f"project-{number}") for number in range(7)]
    first = control.list_data_automation_projects(maxResults=3)
    assert [row["projectArn"] for row in first["projects"]] == arns[:3]
    pages = control.get_paginator("list_data_automation_projects").paginate(PaginationConfig={"PageSize": 3})
    assert [[row["projectArn"] for row in page["projects"]] for page in pages] == [
        arns[:3],
        arns[3:6],
        arns[6:],
    ]
    assert code(control.list_data_automation_projects, nextToken="made-up")[0] == "ValidationException"


def test_projects_are_listed_by_blueprint_and_owner(control, project, blueprint):
    arn = blueprint()["blueprintArn"]
    project("other")
    wanted = project(customOutputConfiguration={"blueprints": [{"blueprintArn": arn}]})
    listed = control.list_data_automation_projects(blueprintFilter={"blueprintArn": arn})["projects"]
    assert [row["projectArn"] for row in listed] == [wanted]
    assert control.list_data_automation_projects(resourceOwner="SERVICE")["projects"] == []


def test_a_project_must_name_blueprints_that_exist(aws, control):
    arn = f"arn:aws:bedrock:us-east-1:{aws.account}:blueprint/nosuch000000"
    assert code(
        control.create_data_automation_project,
        projectName="x",
        standardOutputConfiguration={},
        customOutputConfiguration={"blueprints": [{"blueprintArn": arn}]},
    ) == ("ValidationException", 400)


def test_a_blueprint_is_created_read_updated_and_deleted(aws, control):
    created = control.create_blueprint(
        blueprintName="invoice", type="DOCUMENT", schema=SCHEMA, tags=[{"key": "team", "value": "red"}]
    )["blueprint"]
    arn = created["blueprintArn"]
    assert created["creationTime"] == created["lastModifiedTime"]
    read = control.get_blueprint(blueprintArn=arn)["blueprint"]
    assert read == created
    assert (read["blueprintName"], read["type"], read["schema"], read["blueprintStage"]) == (
        "invoice",
        "DOCUMENT",
        SCHEMA,
        "LIVE",
    )
    assert control.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "team", "value": "red"}]
    control.update_blueprint(blueprintArn=arn, schema=OTHER, blueprintStage="DEVELOPMENT")
    assert control.get_blueprint(blueprintArn=arn)["blueprint"]["schema"] == SCHEMA
    found = control.get_blueprint(blueprintArn=arn, blueprintStage="DEVELOPMENT")["blueprint"]
    assert found["schema"] == OTHER
    control.delete_blueprint(blueprintArn=arn)
    assert code(control.get_blueprint, blueprintArn=arn) == ("ResourceNotFoundException", 404)


def test_a_version_is_a_frozen_copy(control, blueprint):
    arn = blueprint()["blueprintArn"]
    first = control.create_blueprint_version(blueprintArn=arn)["blueprint"]
    control.update_blueprint(blueprintArn=arn, schema=OTHER)
    second = control.create_blueprint_version(blueprintArn=arn)["blueprint"]
    assert (first["blueprintVersion"], second["blueprintVersion"]) == ("1", "2")
    kept = control.get_blueprint(blueprintArn=arn, blueprintVersion="1")["blueprint"]
    assert kept["schema"] == SCHEMA

    def versions():
        rows = control.list_blueprints(blueprintArn=arn)["blueprints"]
        return [row.get("blueprintVersion") for row in rows]

    assert versions() == [None, "1", "2"]
    control.delete_blueprint(blueprintArn=arn, blueprintVersion="1")
    assert versions() == [None, "2"]
    assert (
        code(control.delete_blueprint, blueprintArn=arn, blueprintVersion="1")[0]
        == "ResourceNotFoundException"
    )
    assert (
        code(control.get_blueprint, blueprintArn=arn, blueprintVersion="9")[0] == "ResourceNotFoundException"
    )


def test_blueprints_are_listed_in_pages_and_by_project(control, project, blueprint):
    arns = [blueprint(f"blueprint-{number}")["blueprintArn"] for number in range(5)]
    pages = control.get_paginator("list_blueprints").paginate(PaginationConfig={"PageSize": 2})
    assert [[row["blueprintArn"] for row in page["blueprints"]] for page in pages] == [
        arns[:2],
        arns[2:4],
        arns[4:],
    ]
    mine = project(customOutputConfiguration={"blueprints": [{"blueprintArn": arns[3]}]})
    listed = control.list_blueprints(projectFilter={"projectArn": mine})["blueprints"]
    assert [row["blueprintArn"] for row in listed] == [arns[3]]
    assert control.list_blueprints(resourceOwner="SERVICE")["blueprints"] == []


@pytest.mark.parametrize("schema", ["no json", "[]", '{"properties": []}'])
def test_a_schema_must_be_a_json_object_with_properties(control, schema):
    assert code(control.create_blueprint, blueprintName="x", type="DOCUMENT", schema=schema) == (
        "ValidationException",
        400,
    )


def test_the_quota_of_projects_is_kept(control, project):
    for number in range(100):
        project(f"project-{number}")
    assert code(
        control.create_data_automation_project, projectName="one-more", standardOutputConfiguration={}
    ) == ("ServiceQuotaExceededException", 402)


def test_resources_of_another_region_are_out_of_sight(aws, control, project):
    project()
    elsewhere = aws.client("bedrock-data-automation", region_name="eu-west-1")
    assert elsewhere.list_data_automation_projects()["projects"] == []
    assert len(control.list_data_automation_projects()["projects"]) == 1


def test_a_stage_is_copied_over_the_other(aws, control, blueprint):
    arn = blueprint(blueprintStage="DEVELOPMENT")["blueprintArn"]
    assert code(control.get_blueprint, blueprintArn=arn, blueprintStage="LIVE")[0] == (
        "ResourceNotFoundException"
    )
    aws.clock.advance(5)
    control.copy_blueprint_stage(blueprintArn=arn, sourceStage="DEVELOPMENT", targetStage="LIVE")
    live = control.get_blueprint(blueprintArn=arn, blueprintStage="LIVE")["blueprint"]
    assert (live["schema"], live["blueprintStage"]) == (SCHEMA, "LIVE")

    control.update_blueprint(blueprintArn=arn, schema=OTHER, blueprintStage="DEVELOPMENT")
    aws.clock.advance(5)
    control.copy_blueprint_stage(blueprintArn=arn, sourceStage="DEVELOPMENT", targetStage="LIVE")
    changed = control.get_blueprint(blueprintArn=arn, blueprintStage="LIVE")["blueprint"]
    assert (changed["schema"], changed["creationTime"]) == (OTHER, live["creationTime"])
    assert (changed["lastModifiedTime"] - live["lastModifiedTime"]).total_seconds() == 5


def test_a_stage_that_is_not_there_or_the_same_is_not_copied(control, blueprint):
    arn = blueprint()["blueprintArn"]

    def copy(source, target):
        return code(control.copy_blueprint_stage, blueprintArn=arn, sourceStage=source, targetStage=target)

    assert copy("DEVELOPMENT", "LIVE") == ("ResourceNotFoundException", 404)
    assert copy("LIVE", "LIVE") == ("ValidationException", 400)


def test_a_project_takes_its_time_when_told_to(aws, control, project):
    aws.settings.durations["project"] = 30
    arn = project(projectStage="DEVELOPMENT")

    def status():
        return control.get_data_automation_project(projectArn=arn, projectStage="DEVELOPMENT")["project"][
            "status"
        ]

    assert status() == "IN_PROGRESS"
    assert code(
        control.update_data_automation_project,
        projectArn=arn,
        projectStage="DEVELOPMENT",
        standardOutputConfiguration={},
    ) == ("ConflictException", 409)
    aws.clock.advance(30)
    assert status() == "COMPLETED"
    changed = control.update_data_automation_project(
        projectArn=arn, projectStage="DEVELOPMENT", standardOutputConfiguration={}
    )
    assert changed["status"] == "IN_PROGRESS"
    aws.clock.advance(30)
    assert status() == "COMPLETED"
    assert control.delete_data_automation_project(projectArn=arn)["status"] == "COMPLETED"


def test_a_project_can_be_made_to_fail(aws, control, project):
    aws.fault(Fault(operation="UpdateDataAutomationProject", job_status="FAILED", times=1))
    arn = project()
    assert control.get_data_automation_project(projectArn=arn)["project"]["status"] == "COMPLETED"
    control.update_data_automation_project(projectArn=arn, standardOutputConfiguration={})
    aws.clock.advance(0)
    assert control.get_data_automation_project(projectArn=arn)["project"]["status"] == "FAILED"
    control.update_data_automation_project(projectArn=arn, standardOutputConfiguration={})
    assert control.get_data_automation_project(projectArn=arn)["project"]["status"] == "COMPLETED"
