"""The examples of a blueprint's life: one carries it to LIVE past a gate, one only tries it."""

from __future__ import annotations

import json

import pytest

from airflow_provider_bda.emulator import Fault
from tests.example_world import make_blueprint, make_bucket
from tests.test_example_dags import load


@pytest.fixture
def conf(bda_emulator):
    make_bucket(
        bda_emulator,
        {
            "in/invoice.txt": b"Invoice number: 7\nTotal: 12.50\n",
            "truth/invoice.json": b'{"invoice_number": "7", "total": 12.5}',
        },
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


TRIAL = {"input_s3_uri": "s3://documents/in/invoice.txt", "output_s3_uri": "s3://documents/out"}


def test_a_blueprint_is_tried_on_a_document_and_gone(bda_emulator, conf, run_dag):
    result = run_dag(load("bda_blueprint_try"), TRIAL)
    assert set(result.tasks.values()) == {"success"}
    assert (result.xcom("missing_fields"), result.xcom("delete", "deleted")) == ([], True)
    (job,) = bda_emulator.jobs()
    assert [item["stage"] for item in job.request["blueprints"]] == ["DEVELOPMENT"]
    assert stages(bda_emulator) == {}


def test_a_blueprint_whose_trial_fails_is_gone_too(bda_emulator, conf, run_dag):
    bda_emulator.fault(Fault(job_status="ClientError", error_type="T", message="no pages"))
    result = run_dag(load("bda_blueprint_try"), TRIAL)
    assert (result.state, result.tasks["extract"]) == ("failed", "failed")
    assert (result.tasks["delete"], stages(bda_emulator)) == ("success", {})


def test_a_blueprint_that_was_there_before_is_not_deleted(bda_emulator, conf, run_dag):
    arn = make_blueprint(bda_emulator, "trial-invoice")
    result = run_dag(load("bda_blueprint_try"), TRIAL)
    assert (result.state, result.tasks["create"]) == ("failed", "failed")
    assert stages(bda_emulator) == {"LIVE": arn}
