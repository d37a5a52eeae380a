"""Every constructor argument of every operator of the other kinds and resources reaches the wire."""

from __future__ import annotations

import inspect
import json

import pytest

from airflow_provider_bda.operators.async_invoke import BedrockStartAsyncInvokeOperator
from airflow_provider_bda.operators.blueprint import (
    BdaCopyBlueprintStageOperator,
    BdaCreateBlueprintOperator,
    BdaCreateBlueprintVersionOperator,
    BdaDeleteBlueprintOperator,
    BdaOptimizeBlueprintOperator,
    BdaUpdateBlueprintOperator,
)
from airflow_provider_bda.operators.knowledge_base import BedrockKnowledgeBaseIngestionOperator
from airflow_provider_bda.operators.library import (
    BdaCreateLibraryOperator,
    BdaDeleteLibraryOperator,
    BdaIngestLibraryOperator,
    BdaUpdateLibraryOperator,
)
from airflow_provider_bda.operators.lookout_equipment import LookoutEquipmentStartDataIngestionJobOperator
from airflow_provider_bda.operators.project import (
    BdaCreateProjectOperator,
    BdaDeleteProjectOperator,
    BdaUpdateProjectOperator,
)
from tests.fakes import FakeTaskInstance
from tests.samples import ROLE, SCHEMA, VOCABULARY, arrange

TOKEN = "sentinel-token-" + "0" * 20
KEY = "arn:aws:kms:us-east-1:123456789012:key/12345678-1234-1234-1234-123456789012"
OTHER = {**SCHEMA, "class": "sentinel"}
GRANULARITY = {
    "document": {"extraction": {"granularity": {"types": ["PAGE"]}, "boundingBox": {"state": "ENABLED"}}}
}
SPLIT = {
    "document": {
        "splitter": {"state": "ENABLED"},
        "sensitiveDataConfiguration": {"detectionMode": "DETECTION"},
        "modalityProcessing": {"state": "DISABLED"},
    },
    "modalityRouting": {"jpeg": "DOCUMENT"},
}
TAGGED = {"tags": ({"sentinel": "yes"}, ("tags", 2), {"key": "sentinel", "value": "yes"})}
ENCRYPTED = {
    "kms_key_id": (KEY, ("encryptionConfiguration", "kmsKeyId")),
    "kms_encryption_context": (
        {"sentinel": "yes"},
        ("encryptionConfiguration", "kmsEncryptionContext"),
    ),
}
TOKENED = {"client_token": (TOKEN, ("clientToken",))}
STAGED = {"blueprint_stage": ("DEVELOPMENT", ("blueprintStage",))}
CONFIGURED = {
    "project_stage": ("DEVELOPMENT", ("projectStage",)),
    "project_description": ("sentinel", ("projectDescription",)),
    "standard_output_configuration": (GRANULARITY, ("standardOutputConfiguration",)),
    "custom_output_configuration": (
        {"blueprints": ["an-invoice"]},
        ("customOutputConfiguration", "blueprints", 0, "blueprintArn"),
        "arn of an-invoice",
    ),
    "override_configuration": (SPLIT, ("overrideConfiguration",)),
    "library": (
        "words",
        ("dataAutomationLibraryConfiguration", "libraries", 0, "libraryArn"),
        "arn of words",
    ),
    **ENCRYPTED,
}
OUT = "s3://documents/out"
SAMPLES = [("s3://documents/in/invoice.txt", "s3://documents/truth.json")]
#: Arguments that steer the operator and reach no wire; what they do is tested elsewhere.
STEERING = {"fail_on_partial", "if_exists", "if_missing", "metric", "min_improvement"}

# operator, its operation, the least it takes, and for each argument: value, where it is sent, and as what.
TABLE = [
    (
        BedrockStartAsyncInvokeOperator,
        "StartAsyncInvoke",
        {"model_id": "a.model-v1:0", "model_input": {}, "output_s3_uri": OUT},
        {
            "model_id": ("sentinel.model-v1:0", ("modelId",)),
            "model_input": ({"sentinel": [1, None, "x"]}, ("modelInput",)),
            "output_s3_uri": (
                "s3://documents/sentinel/",
                ("outputDataConfig", "s3OutputDataConfig", "s3Uri"),
                "s3://documents/sentinel",
            ),
            "kms_key_id": (KEY, ("outputDataConfig", "s3OutputDataConfig", "kmsKeyId")),
            "bucket_owner": ("210987654321", ("outputDataConfig", "s3OutputDataConfig", "bucketOwner")),
            "client_request_token": ("sentinel", ("clientRequestToken",)),
            **TAGGED,
        },
    ),
    (
        BdaIngestLibraryOperator,
        "InvokeDataAutomationLibraryIngestionJob",
        {
            "library": "words",
            "output_s3_uri": OUT,
            "manifest_s3_uri": "s3://documents/m.jsonl",
            "operation_type": "UPSERT",
        },
        {
            "library": ("words", ("libraryArn",), "arn of words"),
            "output_s3_uri": ("s3://documents/sentinel", ("outputConfiguration", "s3Uri")),
            "upsert_entities": (
                [VOCABULARY],
                ("inputConfiguration", "inlinePayload", "upsertEntitiesInfo", 0, "vocabulary"),
                {**VOCABULARY, "phrases": [{"text": "Quokka"}, {"text": "Numbat"}]},
            ),
            "delete_entity_ids": (
                ["sentinel"],
                ("inputConfiguration", "inlinePayload", "deleteEntitiesInfo", "entityIds"),
            ),
            "manifest_s3_uri": ("s3://documents/sentinel.jsonl", ("inputConfiguration", "s3Object", "s3Uri")),
            "manifest_version": ("sentinel", ("inputConfiguration", "s3Object", "version")),
            "operation_type": ("DELETE", ("operationType",)),
            "entity_type": ("VOCABULARY", ("entityType",)),
            "event_bridge_enabled": (
                "True",
                ("notificationConfiguration", "eventBridgeConfiguration", "eventBridgeEnabled"),
                True,
            ),
            **TAGGED,
            **TOKENED,
        },
    ),
    (
        BdaOptimizeBlueprintOperator,
        "InvokeBlueprintOptimizationAsync",
        {"blueprint": "an-invoice", "samples": SAMPLES, "output_s3_uri": OUT},
        {
            "blueprint": ("an-invoice", ("blueprint", "blueprintArn"), "arn of an-invoice"),
            "samples": (
                [SAMPLES[0], SAMPLES[0]],
                ("samples", 1),
                {
                    "assetS3Object": {"s3Uri": SAMPLES[0][0]},
                    "groundTruthS3Object": {"s3Uri": SAMPLES[0][1]},
                },
            ),
            "output_s3_uri": ("s3://documents/sentinel", ("outputConfiguration", "s3Object", "s3Uri")),
            "blueprint_stage": ("LIVE", ("blueprint", "stage")),
            "profile_arn": (
                "arn:aws:bedrock:us-east-1:{account}:data-automation-profile/us.data-automation-v1",
                ("dataAutomationProfileArn",),
            ),
            **ENCRYPTED,
            **TAGGED,
        },
    ),
    (
        BdaCreateProjectOperator,
        "CreateDataAutomationProject",
        {"project_name": "p"},
        {
            "project_name": ("sentinel", ("projectName",)),
            "project_type": ("SYNC", ("projectType",)),
            **CONFIGURED,
            **TAGGED,
            **TOKENED,
        },
    ),
    (
        BdaUpdateProjectOperator,
        "UpdateDataAutomationProject",
        {"project": "invoices"},
        {"project": ("invoices", ("projectArn",), "arn of invoices"), **CONFIGURED},
    ),
    (
        BdaDeleteProjectOperator,
        "DeleteDataAutomationProject",
        {},
        {"project": ("invoices", ("projectArn",), "arn of invoices")},
    ),
    (
        LookoutEquipmentStartDataIngestionJobOperator,
        "StartDataIngestionJob",
        {"dataset_name": "d", "bucket": "documents", "role_arn": ROLE},
        {
            "dataset_name": ("sentinel", ("DatasetName",)),
            "bucket": ("sentinel", ("IngestionInputConfiguration", "S3InputConfiguration", "Bucket")),
            "prefix": ("sentinel/", ("IngestionInputConfiguration", "S3InputConfiguration", "Prefix")),
            "key_pattern": (
                "{prefix}/{component_name}_*",
                ("IngestionInputConfiguration", "S3InputConfiguration", "KeyPattern"),
            ),
            "role_arn": (ROLE + "-sentinel", ("RoleArn",)),
            "client_token": ("sentinel", ("ClientToken",)),
        },
    ),
    (
        BedrockKnowledgeBaseIngestionOperator,
        "StartIngestionJob",
        {"knowledge_base_id": "KB00000001", "data_source_id": "DS00000001"},
        {
            "knowledge_base_id": ("KBSENTINEL", ("knowledgeBaseId",)),
            "data_source_id": ("DSSENTINEL", ("dataSourceId",)),
            "description": ("sentinel", ("description",)),
            **TOKENED,
        },
    ),
    (
        BdaCreateLibraryOperator,
        "CreateDataAutomationLibrary",
        {"library_name": "l"},
        {
            "library_name": ("sentinel", ("libraryName",)),
            "library_description": ("sentinel", ("libraryDescription",)),
            **ENCRYPTED,
            **TAGGED,
            **TOKENED,
        },
    ),
    (
        BdaUpdateLibraryOperator,
        "UpdateDataAutomationLibrary",
        {"library": "words", "library_description": "d"},
        {
            "library": ("words", ("libraryArn",), "arn of words"),
            "library_description": ("sentinel", ("libraryDescription",)),
            **TOKENED,
        },
    ),
    (
        BdaDeleteLibraryOperator,
        "DeleteDataAutomationLibrary",
        {},
        {"library": ("words", ("libraryArn",), "arn of words")},
    ),
    (
        BdaCreateBlueprintOperator,
        "CreateBlueprint",
        {"blueprint_name": "b", "schema": SCHEMA},
        {
            "blueprint_name": ("sentinel", ("blueprintName",)),
            "schema": (OTHER, ("schema",), json.dumps(OTHER)),
            "blueprint_type": ("IMAGE", ("type",)),
            **STAGED,
            **ENCRYPTED,
            **TAGGED,
            **TOKENED,
        },
    ),
    (
        BdaUpdateBlueprintOperator,
        "UpdateBlueprint",
        {"blueprint": "an-invoice", "schema": SCHEMA},
        {
            "blueprint": ("an-invoice", ("blueprintArn",), "arn of an-invoice"),
            "schema": (json.dumps(OTHER), ("schema",)),
            **STAGED,
            **ENCRYPTED,
        },
    ),
    (
        BdaCreateBlueprintVersionOperator,
        "CreateBlueprintVersion",
        {"blueprint": "an-invoice"},
        {"blueprint": ("an-invoice", ("blueprintArn",), "arn of an-invoice"), **TOKENED},
    ),
    (
        BdaCopyBlueprintStageOperator,
        "CopyBlueprintStage",
        {"blueprint": "an-invoice", "source_stage": "LIVE", "target_stage": "DEVELOPMENT"},
        {
            "blueprint": ("an-invoice", ("blueprintArn",), "arn of an-invoice"),
            "source_stage": ("LIVE", ("sourceStage",)),
            "target_stage": ("DEVELOPMENT", ("targetStage",)),
            **TOKENED,
        },
    ),
    (
        BdaDeleteBlueprintOperator,
        "DeleteBlueprint",
        {"blueprint": "an-invoice"},
        {
            "blueprint": ("an-invoice", ("blueprintArn",), "arn of an-invoice"),
            "blueprint_version": ("1", ("blueprintVersion",)),
        },
    ),
]
CASES = [
    pytest.param(operator, operation, base, name, *case, id=f"{operator.__name__}-{name}")
    for operator, operation, base, arguments in TABLE
    for name, case in arguments.items()
]


def base_for(base, name):
    """Leave out what excludes an argument, put in what it needs."""
    if name in {"upsert_entities", "delete_entity_ids"}:
        return {key: value for key, value in base.items() if not key.startswith(("manifest", "operation"))}
    return {**base, "kms_key_id": KEY} if name == "kms_encryption_context" else base


@pytest.mark.parametrize(("operator", "operation", "base", "name", "value", "path", "sent"), [
    pytest.param(*case.values, *([None] if len(case.values) == 6 else []), id=case.id) for case in CASES
])  # fmt: skip
def test_each_argument_reaches_the_wire(aws, operator, operation, base, name, value, path, sent):
    arrange(aws)
    aws.settings.data_sources = {}
    aws.settings.duration = 1000.0  # how a job ends is not what is tested here
    known = arns(aws)
    if isinstance(value, str):
        value = value.replace("{account}", aws.account)
    waits = {"wait_for_completion": False} if hasattr(operator, "job") else {}
    # Deleting a version that is not there is refused after it was sent.
    if name == "blueprint_version":
        waits["if_missing"] = "skip"
    task = operator(task_id="a_task", **{**base_for(base, name), name: value}, **waits)
    task.execute({"ti": FakeTaskInstance()})
    found = aws.calls(operation)[-1].parameters
    for step in path:
        found = found[step]
    if isinstance(sent, str) and sent.startswith("arn of "):
        assert found == known[sent.removeprefix("arn of ")]
    else:
        assert found == (value if sent is None else sent)


def arns(aws):
    control = aws.client("bedrock-data-automation")
    rows = [
        *control.list_data_automation_projects()["projects"],
        *control.list_blueprints()["blueprints"],
        *control.list_data_automation_libraries()["libraries"],
    ]
    named = ("projectName", "blueprintName", "libraryName")
    return {row[name]: row[name.replace("Name", "Arn")] for row in rows for name in named if name in row}


@pytest.mark.parametrize(
    ("operator", "operation", "base", "arguments"), TABLE, ids=[row[0].__name__ for row in TABLE]
)
def test_no_argument_of_a_constructor_is_left_out_of_the_table(operator, operation, base, arguments):
    own = set()
    for cls in operator.__mro__:
        if cls.__module__.startswith("airflow_provider_bda.operators") and not cls.__module__.endswith(
            ("._base", "._aws")
        ):
            own |= set(inspect.signature(cls.__init__).parameters) - {"self", "kwargs", "args"}
    inherited = set()
    for cls in operator.__mro__:
        if cls.__module__.endswith(("._base", "._aws")):
            inherited |= set(inspect.signature(cls.__init__).parameters)
    assert own - inherited - STEERING == set(arguments)
    assert set(arguments) <= set(operator.template_fields)
    assert {"aws_conn_id", "region_name", "verify", "botocore_config"} <= set(operator.template_fields)
