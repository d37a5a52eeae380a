"""A trigger as Airflow stores it and runs it again: across releases, and at its end."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from airflow_provider_bda.triggers import async_invoke_list
from airflow_provider_bda.triggers.job import JobTrigger
from airflow_provider_bda.triggers.timer import TimerTrigger
from tests.fakes import FakeLog, FakeRun, in_triggerer, stored
from tests.samples import SAMPLES

ARN = "arn:aws:bedrock:us-east-1:123456789012:data-automation-invocation/1"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [({"kind": "nobody"}, "unknown job kind 'nobody'; known: "), ({"handle": {}}, "lacks invocationArn")],
)
def test_a_trigger_that_could_find_no_job_is_refused(given, complaint):
    with pytest.raises(ValueError, match=complaint):
        JobTrigger(**{"kind": "data_automation", "handle": {"invocationArn": ARN}, **given})


def submitted():
    op, context = FakeRun(SAMPLES["data_automation"].operator).next_try()
    op.wait_for_completion = False
    return op.execute(context)["handle"]


@pytest.mark.parametrize("push", [True, False])
def test_a_success_may_end_in_the_triggerer_with_and_without_xcoms(aws, push):
    trigger = stored(
        JobTrigger(
            kind="data_automation",
            handle=submitted(),
            poll_interval=0.02,
            end_from_trigger=True,
            push_result=push,
        )
    )
    trigger.task_instance = SimpleNamespace(task_id="a_task")
    event = in_triggerer(trigger)
    assert isinstance(event, TaskSuccessEvent)
    if not push:
        assert event.xcoms is None
        return
    assert event.xcoms["return_value"]["status"] == event.xcoms["status"] == "Success"


def test_under_dag_test_a_success_resumes_the_task(aws):
    trigger = JobTrigger(
        kind="data_automation", handle=submitted(), poll_interval=0.02, end_from_trigger=True
    )
    event = in_triggerer(trigger)
    assert (type(event), event.payload["outcome"]) == (TriggerEvent, "succeeded")


def test_no_failure_ends_in_the_triggerer(aws):
    from airflow_provider_bda.emulator import Fault

    aws.settings.duration = 1.0  # it goes on when the operator asks, and fails when the trigger does
    aws.fault(Fault(job_status="ServiceError"))
    trigger = JobTrigger(
        kind="data_automation", handle=submitted(), poll_interval=0.02, end_from_trigger=True
    )
    trigger.task_instance = SimpleNamespace(task_id="a_task")
    event = in_triggerer(trigger)
    assert (type(event), event.payload["outcome"]) == (TriggerEvent, "broken")


def test_the_deadline_holds_when_the_triggerer_starts_again_after_it(aws):
    aws.settings.duration = 1000.0
    trigger = JobTrigger(
        kind="data_automation", handle=submitted(), poll_interval=600.0, deadline=time.time() - 1
    )
    trigger._log = FakeLog()
    assert in_triggerer(stored(trigger)).payload["outcome"] == "timeout"


def test_the_timer_hands_back_what_it_was_given():
    event = in_triggerer(stored(TimerTrigger(until=time.time() - 5, payload={"deadline": 7.5})))
    assert event.payload == {"deadline": 7.5}


def test_a_list_on_which_all_have_ended_yields_no_event_before_the_worker_is_through(aws, monkeypatch):
    monkeypatch.setattr(async_invoke_list, "SETTLE", 1.0)
    began = time.monotonic()
    event = in_triggerer(
        stored(
            async_invoke_list.AsyncInvokeListTrigger(
                filters={},
                paging={},
                target={
                    "aws_conn_id": "aws_default",
                    "region_name": None,
                    "verify": None,
                    "botocore_config": None,
                },
                poll_interval=0.02,
                deadline=time.time() + 30.0,
            )
        )
    )
    assert event.payload["outcome"] == "ended"
    assert time.monotonic() - began >= 1.0
