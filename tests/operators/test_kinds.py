"""Every kind alike: success and failure, on the worker and in the triggerer, once whatever dies, and its sensor."""

from __future__ import annotations

import pytest

from airflow_provider_bda import exceptions
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BdaJobLost
from tests.fakes import FakeRun, live_through
from tests.samples import SAMPLES, arrange

WAITED = {name: sample for name, sample in SAMPLES.items() if sample.waits is not None}
ALL = pytest.mark.parametrize("row", WAITED.values(), ids=WAITED)
MODES = pytest.mark.parametrize("deferrable", [False, True], ids=["on the worker", "deferred"])
DELETION = SAMPLES["library_deletion"]


@pytest.fixture(autouse=True)
def _arranged(aws):
    arrange(aws)
    aws.settings.durations = {}


def live(row, deferrable=False, run=None, **kwargs):  # noqa: FBT002 - a mode
    """Live through one try."""
    run = run or FakeRun(lambda **more: row.operator(deferrable=deferrable, **{**kwargs, **more}), retries=2)
    first, context = run.next_try()
    made = iter([first])
    return live_through(lambda: next(made, None) or run.make(retries=run.retries), context)


@ALL
@MODES
def test_success_returns_the_kinds_facts(row, deferrable):
    result = live(row, deferrable)
    assert result["kind"] == row.kind.name
    assert set(result["handle"]) == set(row.kind.handle)
    assert result["status"] in row.kind.succeeded
    assert result["partial"] is False
    assert {name for name, _ in row.kind.result} <= set(result)


@ALL
@MODES
def test_failure_is_the_kinds_error_with_the_services_words(aws, row, deferrable):
    row.ends_as(aws, row.failed)
    with pytest.raises(exceptions.BdaJobBroken) as failed:
        live(row, deferrable)
    assert (failed.value.kind, failed.value.status) == (row.kind.name, row.failed)
    assert set(failed.value.handle) == set(row.kind.handle)


@ALL
def test_a_lost_answer_is_found_again_by_the_next_try(aws, row):
    if row.kind.token is None:
        pytest.skip("its service takes no token")
    aws.settings.duration = 1000.0
    run = FakeRun(lambda **more: row.operator(wait_for_completion=False, **more), retries=2)
    aws.fault(Fault(operation=row.kind.start, lose_answer=True))
    with pytest.raises(BdaJobLost, match="may or may not have been submitted"):
        live(row, run=run)
    aws.clear_faults()
    live(row, run=run)
    assert len(row.jobs(aws)) == 1


@ALL
def test_wait_for_completion_false_returns_at_submit(aws, row):
    aws.settings.duration = 1000.0
    result = live(row, wait_for_completion=False)
    assert result["status"] in row.kind.pending
    assert all(result["handle"].values())


@ALL
@MODES
def test_the_sensor_takes_what_the_operator_returned(aws, row, deferrable):
    aws.settings.duration = 0.3
    started = live(row, wait_for_completion=False)
    sensor = {"poke_interval": 0.02, "timeout": 30.0, "deferrable": deferrable}
    run = FakeRun(lambda **_: row.sensor(started, **sensor))
    result = live(row, deferrable, run)
    assert (result["handle"], result["status"]) == (started["handle"], next(iter(row.kind.succeeded)))


@ALL
def test_the_sensor_fails_as_the_operator_does(aws, row):
    row.ends_as(aws, row.failed)
    aws.settings.duration = 0.3
    started = live(row, wait_for_completion=False)
    run = FakeRun(lambda **_: row.sensor(started, poke_interval=0.02, timeout=30.0, deferrable=False))
    with pytest.raises(exceptions.BdaJobBroken):
        live(row, run=run)


@MODES
def test_a_library_is_deleted_and_gone_is_success(aws, deferrable):
    aws.settings.duration = 0.2
    result = live(DELETION, deferrable)
    assert result["library_arn"].startswith("arn:")
    assert aws.client("bedrock-data-automation").list_data_automation_libraries()["libraries"] == []


def test_a_library_that_is_not_there_is_skipped_or_an_error():
    assert live(DELETION, library="other")["library_arn"] is None
    arn = "arn:aws:bedrock:us-east-1:123456789012:data-automation-library/abcdefghijkl"
    assert live(DELETION, library=arn)["library_arn"] == arn
    with pytest.raises(exceptions.BdaInputError, match="none is named 'other'"):
        live(DELETION, library="other", if_missing="fail")
