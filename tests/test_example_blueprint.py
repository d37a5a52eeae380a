"""The example that carries a blueprint to LIVE does so in a real Airflow, and stops at its gate."""

from __future__ import annotations

import json

import pytest

from tests.test_example_dags import load


@pytest.fixture
def conf(bda_emulator):
    s3 = bda_emulator.client("s3")
    s3.create_bucket(Bucket="documents")
    s3.put_object(Bucket="documents", Key="in/invoice.txt", Body=b"Invoice number: 7\nTotal: 12.50\n")
    s3.put_object(
        Bucket="documents", Key="truth/invoice.json", Body=b'{"invoice_number": "7", "total": 12.5}'
    )
    return {
        "blueprint": "supplier-invoice",
        "sample_s3_uri": "s3://documents/in/invoice.txt",
        "ground_truth_s3_uri": "s3://documents/truth/invoice.json",
        "output_s3_uri": "s3://documents/out",
        "min_improvement": 0.1,
    }


def stages(aws):
    control = aws.client("bedrock-data-automation")
    rows = control.list_blueprints()["blueprints"]
    return {row["blueprintStage"]: row["blueprintArn"] for row in rows}


def test_a_blueprint_goes_live_past_the_gate_and_can_be_carried_again(bda_emulator, conf, run_dag):
    bda_emulator.settings.optimization_metrics = {"before": {"f1": 0.5}, "after": {"f1": 0.9}}
    result = run_dag(load("bda_blueprint_to_live"), conf)
    assert set(result.tasks.values()) == {"success"}
    assert set(stages(bda_emulator)) == {"DEVELOPMENT", "LIVE"}
    live = bda_emulator.client("bedrock-data-automation").get_blueprint(
        blueprintArn=stages(bda_emulator)["LIVE"], blueprintStage="LIVE"
    )["blueprint"]
    assert json.loads(live["schema"])["class"] == "Invoice"
    assert str(result.xcom("keep_a_version", "blueprint_version")) == "1"


def test_a_blueprint_that_did_not_improve_stays_in_development(bda_emulator, conf, run_dag):
    bda_emulator.settings.optimization_metrics = {"before": {"f1": 0.5}, "after": {"f1": 0.55}}
    result = run_dag(load("bda_blueprint_to_live"), conf)
    assert (result.state, result.tasks["optimize"]) == ("failed", "failed")
    assert set(stages(bda_emulator)) == {"DEVELOPMENT"}
