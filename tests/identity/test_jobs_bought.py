"""How many jobs are bought, whatever dies, fails or is cleared: each scenario of the table, with and without help."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from airflow_provider_bda._compat import AirflowFailException, TaskDeferred
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import (
    BdaInputError,
    BdaJobBroken,
    BdaJobLost,
    BdaJobRejected,
    BdaJobTimeout,
)
from airflow_provider_bda.operators import _identity
from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from tests.fakes import FakeRun, in_triggerer, stored
from tests.identity.scenarios import SCENARIOS

PROJECT = "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"
FOREVER = 1000.0
SHORT = timedelta(seconds=0.15)
STEPS = ("submit", "save", "defer", "finish")
HELP = {
    "store, token remembered": (True, None),
    "store, token forgotten": (True, 0.0),
    "no store, token remembered": (False, None),
    "no store, token forgotten": (False, 0.0),
}


class Killed(BaseException):
    """The worker is gone: nothing may catch this."""


class Mortal(BdaInvokeOperator):
    """The operator on a worker that dies after one step of submit, save and defer."""

    dies_after = None

    @property
    def hook(self):
        hook = self.__dict__.setdefault("a_hook", self.hook_class.for_target(self.target))
        hook.call = self.call
        return hook

    def call(self, operation, request):
        answer = type(self.hook).call(self.hook, operation, request)
        self.die("submit", operation == "invoke_data_automation_async")
        return answer

    def _tell(self, context, job, request):
        self.die("save")
        super()._tell(context, job, request)

    def defer(self, **kwargs):
        self.die("defer")
        super().defer(**kwargs)

    def _finish(self, event):
        self.die("finish")
        return super()._finish(event)

    def die(self, step, now=True):  # noqa: FBT002 - a fake
        if now and self.dies_after == step:
            raise Killed(step)


def operator(**kwargs):
    return Mortal(
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


class Life:
    """One task's life: its tries, one after another, on an emulator."""

    def __init__(self, aws, *, store, **settings):
        self.aws = aws
        self.run = FakeRun(lambda **kwargs: operator(**settings, **kwargs), retries=2, store=store)
        aws.settings.duration = 0.05

    def a_try(self, dies_after=None, **settings):
        """Live through the worker's phase of one try; answer the result, the error or what it deferred with."""
        op, context = self.run.next_try()
        for name, value in {"dies_after": dies_after, **settings}.items():
            setattr(op, name, value)
        try:
            return op.execute(context)
        except (Exception, Killed, TaskDeferred) as raised:  # noqa: BLE001 - the scenario says which it must be
            return raised

    def submits_only(self):
        """Live through a try that leaves its job running."""
        self.aws.settings.duration = FOREVER
        assert self.a_try(wait_for_completion=False)["status"] in {"Created", "InProgress"}

    def until_ended(self):
        """Wait until every job has ended."""
        limit = time.monotonic() + 30
        while any(job.ended is None for job in self.aws.jobs()):
            assert time.monotonic() < limit, "a job did not end"
            time.sleep(0.01)

    def breaks(self, times):
        """Let the next jobs end as ServiceError."""
        self.aws.fault(Fault(job_status="ServiceError", times=times))


def plain(life):
    assert life.a_try()["status"] == "Success"


def answer_lost(life):
    life.aws.settings.duration = FOREVER
    life.aws.fault(Fault(operation="InvokeDataAutomationAsync", lose_answer=True, times=1))
    assert isinstance(life.a_try(), BdaJobLost)
    life.submits_only()


def died_after_submit(life):
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try("submit"), Killed)
    life.submits_only()


def died_after_submit_ended(life):
    assert isinstance(life.a_try("submit"), Killed)
    life.until_ended()
    assert life.a_try()["status"] == "Success"


def died_after_save(life):
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try("save"), Killed)
    life.submits_only()


def died_after_save_ended(life):
    assert isinstance(life.a_try("save"), Killed)
    life.until_ended()
    assert life.a_try()["status"] == "Success"


def died_before_defer(life):
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try("defer", deferrable=True), Killed)
    life.submits_only()


def triggerer_killed(life):
    life.aws.settings.duration = 0.5
    deferred = life.a_try(deferrable=True)
    assert isinstance(deferred, TaskDeferred)
    with pytest.raises(TimeoutError):  # the triggerer goes, and with it all it knew
        in_triggerer(stored(deferred.trigger), limit=0.1)
    event = in_triggerer(stored(deferred.trigger))
    assert operator().execute_complete({}, event.payload)["status"] == "Success"


def triggerer_killed_answering(life):
    deferred = life.a_try(deferrable=True)
    first = in_triggerer(stored(deferred.trigger))  # its event is never stored
    event = in_triggerer(stored(deferred.trigger))
    assert event.payload["outcome"] == first.payload["outcome"] == "succeeded"
    assert operator().execute_complete({}, event.payload)["status"] == "Success"


def died_on_resume(life):
    assert isinstance(life.a_try("finish"), Killed)
    assert life.a_try()["status"] == "Success"


def retry_after_broken(life):
    life.breaks(1)
    assert isinstance(life.a_try(), BdaJobBroken)
    assert life.a_try()["status"] == "Success"


def three_broken(life):
    life.breaks(3)
    for _ in range(3):
        assert isinstance(life.a_try(), BdaJobBroken)


def broken_then_died(life):
    life.breaks(1)
    assert isinstance(life.a_try(), BdaJobBroken)
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try("submit"), Killed)
    life.submits_only()


def fails_at_once(life):
    life.breaks(3)
    life.aws.settings.duration = 0.0
    for _ in range(3):
        assert isinstance(life.a_try(), BdaJobBroken)


def late_first_job(life):
    busy(life)
    life.breaks(3)
    life.aws.settings.duration = 0.0
    assert isinstance(life.a_try(), BdaJobBroken)


def rejected(life):
    life.aws.fault(Fault(job_status="ClientError"))
    assert isinstance(failed := life.a_try(), BdaJobRejected)
    assert isinstance(failed, AirflowFailException)


def timed_out(life):
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try(wait_timeout=SHORT), BdaJobTimeout)
    life.submits_only()


def timed_out_ended(life):
    life.aws.settings.duration = 0.5
    assert isinstance(life.a_try(wait_timeout=SHORT), BdaJobTimeout)
    life.until_ended()
    assert life.a_try()["status"] == "Success"


def lost(life):
    life.aws.settings.duration = FOREVER
    life.aws.fault(Fault(operation="GetDataAutomationStatus", error="AccessDeniedException"))
    assert isinstance(life.a_try(), BdaJobLost)
    life.aws.clear_faults()
    life.submits_only()


def busy(life):
    life.aws.fault(Fault(operation="InvokeDataAutomationAsync", error="ServiceQuotaExceededException"))
    assert isinstance(life.a_try(wait_timeout=SHORT), BdaJobTimeout)
    life.aws.clear_faults()


def no_room(life):
    busy(life)
    assert life.a_try()["status"] == "Success"


def refused(life):
    for code in ("AccessDeniedException", "ValidationException"):
        life.aws.clear_faults()
        life.aws.fault(Fault(operation="InvokeDataAutomationAsync", error=code))
        assert isinstance(failed := life.a_try(), BdaInputError)
        assert isinstance(failed, AirflowFailException)


def cleared(life):
    plain(life)
    life.run.clear()
    plain(life)


def cleared_running(life):
    life.submits_only()
    life.run.clear()
    life.submits_only()


def cleared_alone(life):
    plain(life)
    life.run.clear(reset_run=False)
    plain(life)


def cleared_then_died(life):
    plain(life)
    life.run.clear()
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try("submit"), Killed)
    life.submits_only()


def sibling_cleared(life, *, reset_run=True):
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try(wait_timeout=SHORT), BdaJobTimeout)
    life.run.clear_another(reset_run=reset_run)
    life.submits_only()


def sibling_cleared_alone(life):
    sibling_cleared(life, reset_run=False)


def cleared_in_worker_phase(life):
    life.submits_only()
    life.submits_only()


def own_token_cleared(life):
    life.run.make = lambda **kwargs: operator(client_token="chosen-by-the-author", **kwargs)
    cleared(life)


def run_deleted(life):
    plain(life)
    life.run = FakeRun(operator, retries=2, store=life.run.store is not None)
    plain(life)


CASES = [
    pytest.param(scenario, *given, scenario.jobs[place], id=f"{scenario.name}: {name}")
    for scenario in SCENARIOS
    for place, (name, given) in enumerate(HELP.items())
]


@pytest.mark.parametrize(("scenario", "store", "memory", "jobs"), CASES)
def test_the_number_of_jobs_bought_is_that_of_the_table(aws, scenario, store, memory, jobs):
    aws.settings.token_memory = memory
    globals()[scenario.name](Life(aws, store=store))
    assert len(aws.jobs()) == jobs


@pytest.mark.parametrize("store", [True, False], ids=["store", "no store"])
def test_no_try_buys_two_jobs_when_all_break_at_once(aws, store):
    aws.settings.token_memory = 0.0
    life = Life(aws, store=store)
    life.breaks(None)
    aws.settings.duration = 0.0
    bought = []
    for _ in range(3):
        life.a_try()
        bought.append(len(aws.jobs()))
    assert bought == [1, 2, 3]


def test_the_tries_of_a_clear_are_counted_from_the_clear(aws):
    life = Life(aws, store=False)
    life.breaks(3)
    for _ in range(3):
        life.a_try()
    life.run.clear()
    plain(life)
    assert (len(aws.jobs()), life.run.ti.max_tries, life.run.ti.try_number) == (4, 5, 4)


def test_retries_raised_while_a_run_goes_on_do_not_free_more_generations_than_there_were_tries(aws):
    life = Life(aws, store=False)
    life.run.retries = 50  # the Dag was edited; max_tries stays what it was
    life.breaks(None)
    aws.settings.duration = 0.0
    bought = []
    for _ in range(3):
        life.a_try()
        bought.append(len(aws.jobs()))
    assert bought == [1, 2, 3]


@pytest.mark.parametrize("kept", ["text", {}, {"handle": {"jobArn": "x"}, "max_tries": 2}])
def test_what_another_release_or_operator_left_in_the_store_is_passed_over(aws, kept):
    life = Life(aws, store=True)
    life.run.store[_identity.STATE_KEY] = kept
    plain(life)
    assert len(aws.jobs()) == 1
