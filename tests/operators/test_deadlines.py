"""Deadlines that survive restarts, a trigger that fails, and back-pressure that holds no worker."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from airflow_provider_bda._compat import TRIGGER_FAILED, TRIGGER_TIMED_OUT, AirflowFailException, TaskDeferred
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import (
    BdaEventError,
    BdaInputError,
    BdaJobLost,
    BdaJobRejected,
    BdaJobTimeout,
)
from airflow_provider_bda.triggers.timer import TimerTrigger
from tests.fakes import FakeRun, live_through
from tests.samples import SAMPLES

START, STATUS = "InvokeDataAutomationAsync", "GetDataAutomationStatus"
TIMED_OUT = (TRIGGER_FAILED, {"error": TRIGGER_TIMED_OUT})
CRASHED = (TRIGGER_FAILED, {"error": "Trigger failure", "traceback": ["Traceback\n", "Boom\n"]})


def operator(**kwargs):
    return SAMPLES["data_automation"].operator(**{"poll_interval": 0.02, "deferrable": True, **kwargs})


@pytest.fixture
def begun(aws):
    """Begin a try that defers; answer its operator, context and deferral. Settings are the operator's."""
    aws.settings.duration = 1000.0

    def begun(*, store=True, **settings):
        op, context = FakeRun(lambda **kwargs: operator(**settings, **kwargs), store=store).next_try()
        with pytest.raises(TaskDeferred) as deferred:
            op.execute(context)
        return op, context, deferred.value

    return begun


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({}, 24 * 3600),
        ({"wait_timeout": 60}, 60),
        ({"wait_timeout": timedelta(minutes=5)}, 300),
        ({"execution_timeout": timedelta(seconds=100)}, 95),
        ({"execution_timeout": timedelta(seconds=10)}, 9),
        ({"wait_timeout": 600, "execution_timeout": timedelta(seconds=100)}, 95),
        ({"wait_timeout": 50, "execution_timeout": timedelta(seconds=100)}, 50),
    ],
    ids=str,
)
def test_the_lower_limit_travels_as_an_absolute_deadline_and_as_airflows_own(begun, given, seconds):
    before = time.time()
    _, _, deferred = begun(**given)
    assert before + seconds <= deferred.trigger.deadline <= time.time() + seconds
    assert deferred.timeout.total_seconds() == pytest.approx(seconds + 120, abs=30)


@pytest.mark.parametrize("mode", [True, False], ids=["deferrable", "blocking"])
def test_the_execution_timeout_ends_the_wait_with_our_error_in_both_modes(aws, mode):
    aws.settings.duration = 1000.0

    def make(**kwargs):
        return operator(deferrable=mode, execution_timeout=timedelta(seconds=1), **kwargs)

    _, context = FakeRun(make).next_try()
    with pytest.raises(BdaJobTimeout, match="The job goes on and is billed"):
        live_through(make, context)


@pytest.mark.parametrize("resume", [TIMED_OUT, CRASHED], ids=["timed out", "crashed"])
def test_a_failed_trigger_whose_job_is_done_is_a_success(aws, begun, resume):
    op, context, _ = begun()
    aws.fault(Fault(operation=STATUS, answer={"status": "Success"}))
    assert op.resume_execution(*resume, context)["status"] == "Success"


@pytest.mark.parametrize("resume", [TIMED_OUT, CRASHED], ids=["timed out", "crashed"])
def test_a_failed_trigger_whose_job_failed_is_that_failure(aws, begun, resume):
    op, context, _ = begun()
    aws.fault(Fault(operation=STATUS, answer={"status": "ClientError"}))
    with pytest.raises(BdaJobRejected):
        op.resume_execution(*resume, context)


def test_a_trigger_that_timed_out_is_our_timeout_and_one_that_crashed_a_lost_job(begun):
    op, context, _ = begun()
    with pytest.raises(BdaJobTimeout, match="a retry waits for this same job"):
        op.resume_execution(*TIMED_OUT, context)
    with pytest.raises(BdaJobLost, match="TriggerFailed: Trigger failure"):
        op.resume_execution(*CRASHED, context)


@pytest.mark.parametrize("store", [True, False], ids=["store", "no store"])
def test_without_xcoms_the_handle_comes_from_the_state_store_or_the_error_is_plain(aws, begun, store):
    op, context, _ = begun(do_xcom_push=False, store=store)
    aws.fault(Fault(operation=STATUS, answer={"status": "Success"}))
    if store:
        assert op.resume_execution(*TIMED_OUT, context)["status"] == "Success"
        return
    with pytest.raises(
        BdaJobTimeout, match=r"no Bedrock Data Automation job is known.*finds the job by its token"
    ):
        op.resume_execution(*TIMED_OUT, context)


# --- back-pressure ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ThrottlingException", "ServiceQuotaExceededException"])
def test_a_service_without_room_frees_the_worker_and_the_deadline_stays(aws, monkeypatch, code):
    monkeypatch.setattr("airflow_provider_bda.operators._identity.PATIENCE", 0.0)
    monkeypatch.setattr("airflow_provider_bda.operators._identity.PAUSE", (0.1, 0.2))
    aws.fault(Fault(operation=START, error=code, times=2))
    op, context = FakeRun(operator).next_try()
    op.wait_timeout = timedelta(minutes=5)
    before = time.time()
    with pytest.raises(TaskDeferred) as deferred:
        op.execute(context)
    trigger = deferred.value.trigger
    assert isinstance(trigger, TimerTrigger)
    assert before < trigger.until < before + 60
    assert trigger.payload["deadline"] == pytest.approx(before + 300, abs=30)
    assert deferred.value.timeout.total_seconds() == pytest.approx(420, abs=30)
    assert live_through(operator, context)["status"] == "Success"
    assert len(aws.jobs()) == 1


def test_no_room_until_the_deadline_is_a_timeout_that_bought_nothing(aws, monkeypatch):
    monkeypatch.setattr("airflow_provider_bda.operators._identity.PATIENCE", 0.0)
    monkeypatch.setattr("airflow_provider_bda.operators._identity.PAUSE", (0.1, 0.2))
    aws.fault(Fault(operation=START, error="ServiceQuotaExceededException"))

    def make(**kwargs):
        return operator(wait_timeout=2, **kwargs)

    _, context = FakeRun(make).next_try()
    with pytest.raises(BdaJobTimeout, match=r"could be submitted before the deadline.*A retry tries again"):
        live_through(make, context)
    assert (aws.jobs(), len(aws.calls(START)) > 1) == ([], True)


def test_a_timer_whose_triggerer_was_down_is_a_timeout(begun):
    op, context = FakeRun(operator).next_try()
    with pytest.raises(BdaJobTimeout, match="or submits it"):
        op.resume_execution(*TIMED_OUT, context)


@pytest.mark.parametrize("event", [None, {}, {"deadline": "soon"}, {"deadline": True}])
def test_a_timers_event_that_is_none_of_ours_fails(event):
    with pytest.raises(BdaEventError, match="none of ours"):
        operator().submit_again({}, event)


@pytest.mark.parametrize(
    "code", ["ValidationException", "AccessDeniedException", "UnknownOperationException"]
)
def test_what_no_retry_can_mend_fails_at_once(aws, code):
    aws.fault(Fault(operation=START, error=code))
    op, context = FakeRun(operator).next_try()
    with pytest.raises(BdaInputError, match="nothing was submitted") as failed:
        op.execute(context)
    assert isinstance(failed.value, AirflowFailException)
    assert len(aws.calls(START)) == 1


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException"])
def test_credentials_that_no_longer_count_are_left_to_a_retry(aws, code):
    aws.fault(Fault(operation=START, error=code, times=1))
    op, context = FakeRun(operator).next_try()
    with pytest.raises(BdaJobLost, match="nothing was submitted") as failed:
        op.execute(context)
    assert not isinstance(failed.value, AirflowFailException)


def test_without_waiting_an_unreadable_status_does_not_fail_a_task_that_bought_its_job(aws):
    aws.settings.duration = 1000.0
    aws.fault(Fault(operation=STATUS, error="ThrottlingException"))
    op, context = FakeRun(lambda **kwargs: operator(wait_for_completion=False, **kwargs)).next_try()
    result = op.execute(context)
    assert (result["status"], result["handle"]) == (None, {"invocationArn": aws.jobs()[0].arn})
