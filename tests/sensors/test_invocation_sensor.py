"""The sensor: which job it waits for, where it begins, and what its modes promise. Outcomes are in tests/parity."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from airflow.sdk import DAG, timezone

from airflow_provider_bda._compat import (
    CAN_START_FROM_TRIGGER,
    TRIGGER_FAILED,
    TRIGGER_TIMED_OUT,
    AirflowSkipException,
    TaskDeferred,
)
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import (
    BdaEventError,
    BdaInputError,
    BdaJobBroken,
    BdaJobLost,
    BdaJobTimeout,
)
from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from airflow_provider_bda.sensors.job import BdaInvocationSensor
from tests.fakes import FakeRun, FakeTaskInstance, in_triggerer, stored
from tests.samples import SAMPLES

ARN = "arn:aws:bedrock:us-east-1:123456789012:data-automation-invocation/1"


def sensor(invocation_arn=ARN, **kwargs):
    return BdaInvocationSensor(task_id="a_sensor", invocation_arn=invocation_arn, **kwargs)


@pytest.fixture
def job(aws):
    """What an operator returned of a job that goes on."""
    aws.settings.duration = 1000.0
    op, context = FakeRun(SAMPLES["data_automation"].operator).next_try()
    op.wait_for_completion = False
    return op.execute(context)


def context():
    return {"ti": FakeTaskInstance(task_id="a_sensor")}


def test_a_poke_asks_once_and_says_whether_the_job_has_ended(aws, job):
    waiting = sensor(job)
    assert not waiting.poke(context()).is_done
    aws.fault(Fault(operation="GetDataAutomationStatus", answer={"status": "Success"}))
    done = waiting.poke(context())
    assert (done.is_done, done.xcom_value["status"]) == (True, "Success")
    assert len(aws.calls("GetDataAutomationStatus")) == 3  # one was the operator's


@pytest.mark.parametrize("given", ["arn", "dict"])
def test_the_handle_is_an_arn_or_an_operators_dict(job, given):
    arn = job["invocation_arn"]
    assert sensor(arn if given == "arn" else job).job_handle() == {"invocationArn": arn}


@pytest.mark.parametrize(
    ("handle", "complaint"),
    [
        ("", "invocation_arn: '' names no Bedrock Data Automation job"),
        (None, "invocation_arn: None names no"),
        ({"kind": "async_invoke", "handle": {"invocationArn": ARN}}, "of a job of kind async_invoke"),
        ({"return_value": 1}, "is not what an operator for a Bedrock Data Automation job returned"),
    ],
)
@pytest.mark.parametrize("mode", [{"deferrable": True}, {"soft_fail": True}, {"mode": "reschedule"}], ids=str)
def test_what_is_no_handle_fails_the_task_in_every_mode(handle, complaint, mode):
    with pytest.raises(BdaInputError, match=complaint):
        sensor(handle, **mode).execute(context())


def test_an_operators_output_is_a_dependency_and_a_template():
    with DAG("a_dag", schedule=None):
        op = BdaInvokeOperator(
            task_id="up", input_s3_uri="s3://documents/a.pdf", output_s3_uri="s3://documents/out", project="p"
        )
        whole = BdaInvocationSensor(task_id="whole", invocation_arn=op.output)
        part = BdaInvocationSensor(task_id="part", invocation_arn=op.output["invocation_arn"])
        text = BdaInvocationSensor(task_id="text", invocation_arn="{{ params.arn }}")
    assert (whole.upstream_task_ids, part.upstream_task_ids) == ({"up"}, {"up"})
    text.render_template_fields({"params": {"arn": ARN}})
    assert text.job_handle() == {"invocationArn": ARN}


def test_a_deferred_sensor_holds_its_timeout_and_execution_timeout(aws, job):
    for given in ({"timeout": 60}, {"timeout": 600, "execution_timeout": timedelta(seconds=65)}):
        with pytest.raises(TaskDeferred) as deferred:
            sensor(job, deferrable=True, **given).execute(context())
        assert deferred.value.timeout.total_seconds() == pytest.approx(180, abs=1)
        assert deferred.value.trigger.deadline == pytest.approx(time.time() + 60, abs=20)


def test_airflows_own_trigger_timeout_asks_once(aws, job):
    resume = (TRIGGER_FAILED, {"error": TRIGGER_TIMED_OUT}, context())
    with pytest.raises(BdaJobTimeout, match="had not ended when the deadline passed"):
        sensor(job, deferrable=True).resume_execution(*resume)
    aws.fault(Fault(operation="GetDataAutomationStatus", answer={"status": "Success"}))
    assert sensor(job, deferrable=True).resume_execution(*resume)["status"] == "Success"


def test_a_trigger_that_failed_is_no_verdict_on_the_job(aws, job):
    resume = (TRIGGER_FAILED, {"error": "Trigger failure", "traceback": ["Boom\n"]}, context())
    with pytest.raises(BdaJobLost, match="Trigger failure"):
        sensor(job, deferrable=True).resume_execution(*resume)
    aws.fault(Fault(operation="GetDataAutomationStatus", answer={"status": "Success"}))
    assert sensor(job, deferrable=True).resume_execution(*resume)["status"] == "Success"


def test_a_foreign_event_fails_even_softly():
    with pytest.raises(BdaEventError):
        sensor(soft_fail=True).resume_execution("execute_complete", {"event": {}}, context())


def test_never_fail_skips_on_everything(aws, job):
    aws.fault(Fault(operation="GetDataAutomationStatus", answer={"status": "ServiceError"}))
    with pytest.raises(AirflowSkipException):
        sensor(job, never_fail=True).execute(context())
    with pytest.raises(AirflowSkipException):
        sensor("", never_fail=True, deferrable=True).execute(context())


def test_reschedule_bears_a_permanent_error_after_the_first_poke_until_its_timeout(aws, job):
    aws.fault(Fault(operation="GetDataAutomationStatus", error="AccessDeniedException"))
    waiting = sensor(job, mode="reschedule", timeout=600)
    with pytest.raises(BdaJobLost):
        waiting.execute(context())
    ti = FakeTaskInstance(first_reschedule_date=timezone.utcnow())
    assert not sensor(job, mode="reschedule").poke({"ti": ti}).is_done
    ti.first_reschedule_date -= timedelta(hours=1)
    with pytest.raises(BdaJobTimeout, match="AccessDeniedException"):
        sensor(job, mode="reschedule", timeout=600).execute({"ti": ti})


def test_reschedule_cannot_count_calls_in_a_row():
    with pytest.raises(BdaInputError, match="status_retries: mode="):
        sensor(mode="reschedule", status_retries=3)


def test_status_retries_end_a_wait_whose_status_cannot_be_read(aws, job):
    aws.fault(Fault(operation="GetDataAutomationStatus", error="ThrottlingException"))
    with pytest.raises(BdaJobLost, match="ThrottlingException"):
        sensor(job, poke_interval=0.01, status_retries=2).execute(context())


@pytest.mark.skipif(not CAN_START_FROM_TRIGGER, reason="Airflow before 3.3 never acts on it")
class TestStartFromTrigger:
    def test_a_literal_begins_in_the_triggerer_and_its_trigger_runs_as_stored(self, aws, job):
        waiting = sensor(job["invocation_arn"], start_from_trigger=True, poke_interval=0.02, timeout=77)
        start = waiting.start_trigger_args
        assert (waiting.start_from_trigger, start.timeout, start.next_method) == (
            True,
            timedelta(seconds=77),
            "execute_complete",
        )
        module, _, name = start.trigger_cls.rpartition(".")
        cls = getattr(__import__(module, fromlist=[name]), name)
        aws.fault(Fault(operation="GetDataAutomationStatus", answer={"status": "ServiceError"}))
        event = in_triggerer(stored(cls(**start.trigger_kwargs)))
        with pytest.raises(BdaJobBroken):
            waiting.resume_execution(start.next_method, {"event": event.payload}, context())

    def test_a_template_without_xcom_begins_there_too(self):
        assert sensor("{{ params.arn }}", start_from_trigger=True).start_from_trigger

    @pytest.mark.parametrize(
        "handle", ["{{ ti.xcom_pull('up') }}", "{{ task_instance.xcom_pull('up') }}", {"kind": "x"}]
    )
    def test_what_comes_from_another_task_begins_on_a_worker(self, handle):
        waiting = sensor(handle, start_from_trigger=True)
        assert (waiting.start_from_trigger, waiting.deferrable) == (False, True)

    def test_where_airflow_begins_on_a_worker_all_the_same_the_sensor_defers(self, job):
        waiting = sensor(job["invocation_arn"], start_from_trigger=True, deferrable=False)
        with pytest.raises(TaskDeferred):
            waiting.execute(context())


@pytest.mark.skipif(CAN_START_FROM_TRIGGER, reason="Airflow 3.3 can")
def test_an_airflow_that_cannot_start_in_the_triggerer_defers_from_the_worker():
    waiting = sensor(start_from_trigger=True)
    assert (waiting.start_from_trigger, waiting.deferrable) == (False, True)
