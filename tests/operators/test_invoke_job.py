"""What a task does with its job: submits once, waits, answers; what a retry and a clear do."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from airflow_provider_bda._compat import TaskDeferred
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import (
    BdaEventError,
    BdaInputError,
    BdaJobBroken,
    BdaJobLost,
    BdaJobRejected,
    BdaJobTimeout,
)
from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from airflow_provider_bda.triggers.job import JobTrigger
from airflow_provider_bda.triggers.timer import TimerTrigger
from tests.fakes import FakeRun

PROJECT = "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"


def operator(**kwargs):
    return BdaInvokeOperator(
        **{
            "task_id": "a_task",
            "input_s3_uri": "s3://documents/in/invoice.txt",
            "output_s3_uri": "s3://documents/out/",
            "project": PROJECT,
            "poll_interval": 0.02,
            "deferrable": False,
            **kwargs,
        }
    )


@pytest.fixture(params=[True, False], ids=["state store", "no state store"])
def run(request):
    return FakeRun(operator, retries=2, store=request.param)


def execute(run):
    op, context = run.next_try()
    return op.execute(context)


def test_success_returns_facts_and_the_uri_of_the_metadata(aws, run):
    result = execute(run)
    arn = aws.jobs()[0].arn
    job_id = arn.rsplit("/", 1)[-1]
    assert {
        key: result[key] for key in ("kind", "handle", "status", "partial", "invocation_arn", "output_s3_uri")
    } == {
        "kind": "data_automation",
        "handle": {"invocationArn": arn},
        "status": "Success",
        "partial": False,
        "invocation_arn": arn,
        "output_s3_uri": f"s3://documents/out/{job_id}/job_metadata.json",
    }
    assert aws.client("s3").head_object(Bucket="documents", Key=f"out/{job_id}/job_metadata.json")


def test_handle_and_links_are_there_before_the_wait(aws, run):
    op, context = run.next_try()
    op.deferrable = True
    with pytest.raises(TaskDeferred):
        op.execute(context)
    arn = aws.jobs()[0].arn
    job_id = arn.rsplit("/", 1)[-1]
    pushed = run.ti.xcoms
    assert {key: value for key, value in pushed["bda_job"].items() if key != "submitted_at"} == {
        "kind": "data_automation",
        "handle": {"invocationArn": arn},
        "aws_conn_id": "aws_default",
        "region_name": None,
        "output_s3_uri": f"s3://documents/out/{job_id}/job_metadata.json",
    }
    assert pushed["_link_BdaOutputLink"] == (
        f"https://console.aws.amazon.com/s3/buckets/documents?region=us-east-1&prefix=out%2F{job_id}%2F"
    )
    assert "region=us-east-1" in pushed["_link_BdaProjectLink"]


def test_deferral_carries_kind_handle_target_and_deadline(aws):
    run = FakeRun(operator)
    op, context = run.next_try()
    op.deferrable, op.wait_timeout = True, None
    before = time.time()
    with pytest.raises(TaskDeferred) as deferred:
        op.execute(context)
    trigger = deferred.value.trigger
    assert isinstance(trigger, JobTrigger)
    _, kwargs = trigger.serialize()
    assert before + 86_400 <= kwargs.pop("deadline") <= time.time() + 86_400
    assert before <= kwargs.pop("submitted_at") <= time.time()
    assert kwargs == {
        "kind": "data_automation",
        "handle": {"invocationArn": aws.jobs()[0].arn},
        "aws_conn_id": "aws_default",
        "region_name": None,
        "verify": None,
        "botocore_config": None,
        "poll_interval": 0.02,
        "status_retries": None,
        "end_from_trigger": False,
        "push_result": True,
        "traits": ["data_automation", PROJECT, "txt"],
        "completion_queue": None,
    }
    assert deferred.value.timeout.total_seconds() == pytest.approx(86_400 + 120, abs=5)
    assert deferred.value.method_name == "execute_complete"


def test_the_services_words_are_in_the_failure(aws, run):
    op, context = run.next_try()
    op.input_s3_uri = "s3://documents/in/missing.pdf"
    with pytest.raises(
        BdaJobRejected, match=r"status ClientError; the service says: .*there is no retry"
    ) as failed:
        op.execute(context)
    assert failed.value.handle == {"invocationArn": aws.jobs()[0].arn}


def test_a_worker_that_died_after_the_submit_gets_its_job_back(aws, run):
    aws.settings.duration = 1000.0
    op, context = run.next_try()
    aws.fault(Fault(operation="InvokeDataAutomationAsync", lose_answer=True))
    with pytest.raises(BdaJobLost, match=r"may or may not have been submitted.*a retry finds it"):
        op.execute(context)
    aws.clear_faults()
    op, context = run.next_try()
    op.wait_for_completion = False
    op.execute(context)
    assert len(aws.jobs()) == 1


def test_a_retry_after_a_broken_job_buys_one_more(aws, run):
    aws.fault(Fault(job_status="ServiceError", times=1))
    with pytest.raises(BdaJobBroken, match="a retry submits a new job"):
        execute(run)
    assert execute(run)["status"] == "Success"
    assert len(aws.jobs()) == 2


@pytest.mark.parametrize("memory", [None, 0.0], ids=["tokens remembered", "tokens of ended jobs forgotten"])
def test_three_broken_jobs_are_three_tries_and_three_jobs(aws, run, memory):
    aws.settings.token_memory = memory
    aws.settings.duration = 0.2  # a new job has not failed yet when it is first asked for
    aws.fault(Fault(job_status="ServiceError", times=2))
    for _ in range(2):
        with pytest.raises(BdaJobBroken):
            execute(run)
    assert execute(run)["status"] == "Success"
    assert len(aws.jobs()) == 3


def test_a_retry_after_our_timeout_waits_for_the_same_job(aws, run):
    aws.settings.duration = 1000.0
    op, context = run.next_try()
    op.wait_timeout = timedelta(seconds=0.1)
    with pytest.raises(BdaJobTimeout, match="goes on and is billed: a retry waits for this same job"):
        op.execute(context)
    op, context = run.next_try()
    op.wait_for_completion = False
    op.execute(context)
    assert len(aws.jobs()) == 1


def test_a_retry_after_a_lost_status_asks_for_the_same_job(aws, run):
    aws.fault(Fault(operation="GetDataAutomationStatus", error="AccessDeniedException", times=1))
    with pytest.raises(BdaJobLost, match="AccessDeniedException"):
        execute(run)
    execute(run)
    assert len(aws.jobs()) == 1


def test_a_clear_of_this_task_submits_anew(aws, run):
    execute(run)
    run.clear()
    execute(run)
    assert len(aws.jobs()) == 2


def test_a_changed_template_still_waits_for_the_job_that_was_bought(aws):
    run = FakeRun(operator, retries=1)
    aws.settings.duration = 1000.0
    op, context = run.next_try()
    op.wait_for_completion = False
    op.execute(context)
    op, context = run.next_try()
    op.wait_for_completion, op.output_s3_uri = False, "s3://documents/elsewhere"
    op.execute(context)
    assert len(aws.jobs()) == 1


def test_map_indexes_buy_a_job_each(aws):
    for index in range(3):
        execute(FakeRun(operator, map_index=index))
    assert len(aws.jobs()) == 3


def test_throttling_on_submit_is_waited_out(aws):
    aws.fault(Fault(operation="InvokeDataAutomationAsync", error="ServiceQuotaExceededException", times=1))
    assert execute(FakeRun(operator))["status"] == "Success"


def test_a_long_push_back_frees_the_worker_and_keeps_the_deadline(aws, monkeypatch):
    monkeypatch.setattr("airflow_provider_bda.operators._identity.PATIENCE", 0.0)
    aws.fault(Fault(operation="InvokeDataAutomationAsync", error="ServiceQuotaExceededException"))
    op, context = FakeRun(operator).next_try()
    op.deferrable = True
    with pytest.raises(TaskDeferred) as deferred:
        op.execute(context)
    trigger = deferred.value.trigger
    assert isinstance(trigger, TimerTrigger)
    assert (deferred.value.method_name, list(trigger.payload)) == ("submit_again", ["deadline"])
    aws.clear_faults()
    op.deferrable = False
    assert op.submit_again(context, trigger.payload)["status"] == "Success"


def test_access_denied_on_submit_fails_without_a_retry(aws):
    from airflow_provider_bda._compat import AirflowFailException

    aws.fault(Fault(operation="InvokeDataAutomationAsync", error="AccessDeniedException"))
    with pytest.raises(BdaInputError, match="AccessDeniedException") as failed:
        execute(FakeRun(operator))
    assert isinstance(failed.value, AirflowFailException)


@pytest.mark.parametrize("event", [None, {}, {"status": "success"}])
def test_a_task_resumed_with_a_foreign_event_fails(event):
    with pytest.raises(BdaEventError, match="none of ours"):
        operator().execute_complete({}, event)


def test_no_xcom_is_pushed_where_that_is_switched_off(aws):
    run = FakeRun(lambda **kwargs: operator(do_xcom_push=False, **kwargs))
    execute(run)
    assert run.ti.xcoms == {}


def test_airflows_own_trigger_timeout_asks_once_and_returns_what_is_done(aws):
    run = FakeRun(operator)
    op, context = run.next_try()
    op.deferrable = True
    with pytest.raises(TaskDeferred):
        op.execute(context)
    aws.settle()
    time_out = {"error": "Trigger timeout"}
    assert op.resume_execution("__fail__", time_out, context)["status"] == "Success"


def test_airflows_own_trigger_timeout_with_a_running_job_is_our_timeout(aws):
    aws.settings.duration = 1000.0
    run = FakeRun(operator)
    op, context = run.next_try()
    op.deferrable = True
    with pytest.raises(TaskDeferred):
        op.execute(context)
    with pytest.raises(BdaJobTimeout):
        op.resume_execution("__fail__", {"error": "Trigger timeout"}, context)


def test_a_retry_that_finds_its_job_done_does_not_defer_again(aws, run):
    op, context = run.next_try()
    op.deferrable = True
    with pytest.raises(TaskDeferred):
        op.execute(context)
    aws.settle()
    op, context = run.next_try()
    op.deferrable = True
    assert op.execute(context)["status"] == "Success"
    assert len(aws.jobs()) == 1


@pytest.mark.parametrize("store", [True, False], ids=["store", "no store"])
def test_a_retry_that_finds_its_job_running_asks_for_it_once_and_defers(aws, store):
    aws.settings.duration = 1000.0
    run = FakeRun(lambda **kwargs: operator(deferrable=True, **kwargs), retries=1, store=store)
    for asked in (0, 1):
        op, context = run.next_try()
        with pytest.raises(TaskDeferred):
            op.execute(context)
        assert len(aws.calls("GetDataAutomationStatus")) == asked
    assert len(aws.jobs()) == 1
