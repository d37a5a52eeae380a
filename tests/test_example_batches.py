"""The examples of batches run to their end in a real Airflow, in process, on the emulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_bda.batch import engine
from airflow_provider_bda.emulator import Fault
from tests.example_world import REGIONS, make_bucket, make_project
from tests.pdf import a_pdf
from tests.test_example_dags import load

EXAMPLES = ("bda_batch", "bda_batch_daily", "bda_batch_on_asset", "bda_batch_regions")


@pytest.fixture
def conf(bda_emulator, monkeypatch):
    """Five documents and a project, as the examples' parameters name them."""
    monkeypatch.setattr(engine, "INTERVAL", (0.05, 0.1))
    # There is no scheduler here that has to notice first that the worker is through with the task.
    monkeypatch.setattr("airflow_provider_bda.triggers.batch.SETTLE", 0.0)
    bda_emulator.settings.duration = 0.0
    make_bucket(bda_emulator, {f"in/{number}.pdf": a_pdf(number) for number in range(5)})
    make_project(bda_emulator)
    return {
        "input_s3_uri": "s3://documents/in/",
        "output_s3_uri": "s3://documents/out",
        "state_s3_uri": "s3://documents/state",
        "project": "invoices",
    }


def test_a_prefix_and_its_results_by_part(bda_emulator, conf, run_dag):
    result = run_dag(load("bda_batch"), conf)
    assert result.state == "success"
    assert (result.xcom("batch", "succeeded"), len(bda_emulator.jobs())) == (5, 5)
    assert len(result.xcom("batch", "result_parts")) == 1
    assert result.xcom("batch", "bda_batch")["batch_s3_uri"].startswith("s3://documents/out/_batches/")


def test_too_many_failures_fail_the_task(bda_emulator, conf, run_dag):
    bda_emulator.fault(Fault(input_uri="*/3.pdf", job_status="ClientError", message="no pages"))
    dag = load("bda_batch")
    dag.get_task("batch").retry_delay = timedelta(0)
    result = run_dag(dag, conf)
    assert result.state == "failed"
    assert len(bda_emulator.jobs()) == 5


def test_a_backfill_of_days_sends_each_document_on_its_own_day(bda_emulator, conf, run_dag):
    # Of a manual run the interval is the last whole one before its date.
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    totals = []
    for day in (-1, 0, 1, 2):
        date = today + timedelta(days=day, minutes=1)
        result = run_dag(load("bda_batch_daily"), conf, logical_date=date)
        assert result.state == "success"
        totals.append(result.xcom("batch", "total"))
    assert totals == [0, 0, 5, 0]
    assert len(bda_emulator.jobs()) == 5


def test_only_what_is_new_is_bought_after_each_event(bda_emulator, conf, run_dag):
    dag = load("bda_batch_on_asset")
    assert run_dag(dag, conf).xcom("batch", "succeeded") == 5
    bda_emulator.client("s3").put_object(Bucket="documents", Key="in/9.pdf", Body=a_pdf(9))
    again = run_dag(dag, conf)
    assert (again.xcom("batch", "succeeded"), again.xcom("batch", "skipped")) == (1, 5)
    assert len(bda_emulator.jobs()) == 6


def test_one_batch_over_three_regions(bda_emulator, conf, run_dag):
    for region in REGIONS:
        make_bucket(bda_emulator, {"in/1.pdf": a_pdf(1)}, name=f"docs-{region}", region=region)
        if region != bda_emulator.region:
            make_project(bda_emulator, region=region)
    places = {
        region: {
            "input_s3_uri": f"s3://docs-{region}/in/",
            "output_s3_uri": f"s3://docs-{region}/out",
            "project": "invoices",
        }
        for region in REGIONS
    }
    result = run_dag(load("bda_batch_regions"), {"regions": places})
    assert result.state == "success"
    assert sorted(job.region for job in bda_emulator.jobs()) == sorted(REGIONS)
