"""Blueprint optimization, with the real reader: what it measures and what it rewords."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from airflow_provider_bda.emulator import Emulator, Fault, Settings

SCHEMA = {
    "class": "invoice",
    "properties": {
        "invoice_number": {"type": "string", "inferenceType": "explicit", "instruction": "The number."},
        "amount": {"type": "number", "inferenceType": "explicit", "instruction": "What is to be paid."},
    },
}
DOCUMENT = b"Invoice\n\nInvoice number: A-17\n\nBalance outstanding: 120.50\n"
TRUTH = {"invoice_number": "A-17", "amount": 120.5}


@pytest.fixture
def aws(clock):
    with Emulator(Settings(duration=10.0), clock=clock) as aws:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="documents")
        s3.put_object(Bucket="documents", Key="samples/one.txt", Body=DOCUMENT)
        s3.put_object(Bucket="documents", Key="samples/one.json", Body=json.dumps(TRUTH).encode())
        yield aws
        aws.settle()


@pytest.fixture
def blueprint(control):
    return control.create_blueprint(blueprintName="invoice", type="DOCUMENT", schema=json.dumps(SCHEMA))[
        "blueprint"
    ]["blueprintArn"]


@pytest.fixture
def optimize(aws, control, blueprint):
    def run(asset="samples/one.txt", truth="samples/one.json", **members):
        sample = {
            "assetS3Object": {"s3Uri": f"s3://documents/{asset}"},
            "groundTruthS3Object": {"s3Uri": f"s3://documents/{truth}"},
        }
        return control.invoke_blueprint_optimization_async(
            **{
                "blueprint": {"blueprintArn": blueprint, "stage": "LIVE"},
                "samples": [sample],
                "outputConfiguration": {"s3Object": {"s3Uri": "s3://documents/optimized/"}},
                "dataAutomationProfileArn": aws.profile_arn,
                **members,
            }
        )["invocationArn"]

    return run


@pytest.fixture
def ended(clock, control):
    def wait(arn):
        clock.advance(10)
        answer = control.get_blueprint_optimization_status(invocationArn=arn)
        del answer["ResponseMetadata"]
        return answer

    return wait


def comparison(aws, answer):
    bucket, _, key = answer["outputConfiguration"]["s3Object"]["s3Uri"].removeprefix("s3://").partition("/")
    with aws.client("s3").get_object(Bucket=bucket, Key=f"{key}/optimization_results.json")["Body"] as body:
        return json.loads(body.read())["evaluationComparison"]


def test_an_optimization_measures_rewords_and_measures_again(aws, control, blueprint, optimize, ended):
    arn = optimize(tags=[{"key": "team", "value": "red"}])
    assert control.get_blueprint_optimization_status(invocationArn=arn)["status"] == "InProgress"
    answer = ended(arn)
    job_id = arn.rpartition("/")[2]
    assert answer == {
        "status": "Success",
        "outputConfiguration": {"s3Object": {"s3Uri": f"s3://documents/optimized/{job_id}/0"}},
    }
    found = comparison(aws, answer)
    before, after = found["before"], found["after"]
    assert json.loads(before["blueprintSchema"]) == SCHEMA
    assert (before["aggregateMetrics"]["exactMatch"], after["aggregateMetrics"]["exactMatch"]) == (0.5, 1.0)
    assert after["aggregateMetrics"]["f1"] == 1.0
    assert [row["wrongFields"] for row in before["optimizationSampleResults"]] == [["amount"]]
    reworded = json.loads(after["blueprintSchema"])["properties"]
    assert reworded["invoice_number"] == SCHEMA["properties"]["invoice_number"]
    assert reworded["amount"]["instruction"] == (
        'What is to be paid. It may be labelled "balance outstanding".'
    )
    kept = control.get_blueprint(blueprintArn=blueprint)["blueprint"]["schema"]
    assert json.loads(kept) == SCHEMA
    assert control.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "team", "value": "red"}]


def test_the_metrics_can_be_set(aws, optimize, ended):
    aws.settings.optimization_metrics = {"before": {"exactMatch": 0.9}, "after": {"exactMatch": 0.8}}
    found = comparison(aws, ended(optimize()))
    assert [found[when]["aggregateMetrics"]["exactMatch"] for when in ("before", "after")] == [0.9, 0.8]
    assert found["before"]["aggregateMetrics"]["confidence"] > 0


def test_a_custom_output_corrected_by_hand_is_ground_truth_too(aws, optimize, ended):
    body = json.dumps({"matched_blueprint": {}, "inference_result": TRUTH}).encode()
    aws.client("s3").put_object(Bucket="documents", Key="samples/whole.json", Body=body)
    found = comparison(aws, ended(optimize(truth="samples/whole.json")))
    assert found["after"]["aggregateMetrics"]["exactMatch"] == 1.0


@pytest.mark.parametrize(
    ("asset", "truth", "words"),
    [
        ("samples/none.txt", "samples/one.json", "s3://documents/samples/none.txt does not exist"),
        ("samples/one.txt", "samples/none.json", "s3://documents/samples/none.json does not exist"),
        ("samples/one.txt", "samples/one.txt", "ground truth s3://documents/samples/one.txt is no JSON"),
    ],
)
def test_a_sample_that_cannot_be_read_is_a_client_error(optimize, ended, asset, truth, words):
    answer = ended(optimize(asset, truth))
    assert answer["status"] == "ClientError"
    assert words in answer["errorMessage"]
    assert answer["errorType"]
    assert "outputConfiguration" not in answer


def test_a_fault_rule_ends_it_as_service_error(aws, optimize, ended):
    aws.fault(Fault(operation="InvokeBlueprintOptimization*", job_status="ServiceError", message="on demand"))
    assert ended(optimize()) == {"status": "ServiceError", "errorMessage": "on demand"}


def test_what_cannot_be_optimized_is_refused(aws, control, blueprint, optimize):
    def refusal(**members):
        with pytest.raises(ClientError) as refused:
            optimize(**members)
        return refused.value.response["Error"]["Code"]

    video = control.create_blueprint(blueprintName="film", type="VIDEO", schema=json.dumps(SCHEMA))
    assert refusal(samples=[]) == "ValidationException"
    assert refusal(blueprint={"blueprintArn": video["blueprint"]["blueprintArn"]}) == "ValidationException"
    assert refusal(blueprint={"blueprintArn": blueprint, "stage": "DEVELOPMENT"}) == (
        "ResourceNotFoundException"
    )
    public = "arn:aws:bedrock:us-east-1:aws:blueprint/bedrock-data-automation-public-invoice"
    assert refusal(blueprint={"blueprintArn": public}) == "ValidationException"
    assert aws.jobs() == []


def test_an_unknown_optimization_is_not_found(control, optimize):
    with pytest.raises(control.exceptions.ResourceNotFoundException):
        control.get_blueprint_optimization_status(invocationArn=optimize()[:-4] + "0000")


def test_the_same_request_twice_is_two_jobs_for_there_is_no_token(aws, optimize):
    assert optimize() != optimize()
    assert len(aws.jobs()) == 2
