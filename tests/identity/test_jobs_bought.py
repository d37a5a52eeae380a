"""How many jobs are bought, whatever dies, fails or is cleared: each scenario of the table, with and without help."""

from __future__ import annotations

import time
from datetime import timedelta
from functools import cache

import pytest

from airflow_provider_bda._compat import AirflowFailException, TaskDeferred
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.emulator.runner import Ending
from airflow_provider_bda.exceptions import (
    BdaInputError,
    BdaJobBroken,
    BdaJobLost,
    BdaJobPartial,
    BdaJobRejected,
    BdaJobTimeout,
)
from airflow_provider_bda.jobs import Outcome
from airflow_provider_bda.jobs.kind import method_name
from airflow_provider_bda.operators import _identity
from tests.fakes import FakeRun, in_triggerer, stored
from tests.identity.scenarios import SCENARIOS, names_a_thing
from tests.samples import SAMPLES

FOREVER = 1000.0
SHORT = timedelta(seconds=0.15)
STEPS = ("submit", "save", "defer", "finish")
HELP = {
    "store, token remembered": (True, None),
    "store, token forgotten": (True, 0.0),
    "no store, token remembered": (False, None),
    "no store, token forgotten": (False, 0.0),
}
#: For a kind without a token.
LESS_HELP = {"store": (True, None), "no store": (False, None)}


class Killed(BaseException):
    """The worker is gone: nothing may catch this."""


class Mortal:
    """Makes an operator one on a worker that dies after one step of submit, save and defer."""

    dies_after = None

    def start(self, request):
        answer = super().start(request)
        self.die("submit")
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


@cache
def mortal(runs):
    """Answer the mortal class of an operator."""
    return type(f"Mortal{runs.__name__}", (Mortal, runs), {})


class Life:
    """One task's life: its tries, one after another, on an emulator."""

    def __init__(self, aws, sample, *, store, **settings):
        self.aws = aws
        self.sample = sample
        self.kind = sample.kind
        self.settings = settings
        self.run = FakeRun(self.operator, retries=2, store=store)
        sample.arrange(aws)
        aws.settings.duration = 0.05
        aws.settings.durations = {}

    def operator(self, **kwargs):
        """Build the task, as each worker does."""
        return self.sample.operator(mortal(self.sample.runs), **self.settings, **kwargs)

    @property
    def jobs(self):
        """The jobs bought."""
        return self.sample.jobs(self.aws)

    def a_try(self, dies_after=None, **settings):
        """Live through the worker's phase of one try; answer the result, the error or what it deferred with."""
        # No retry comes so soon that a job of the try before counts as just bought.
        time.sleep(_identity.JUST_NOW * 1.2)
        op, context = self.run.next_try()
        for name, value in {"dies_after": dies_after, **settings}.items():
            setattr(op, name, value)
        try:
            return op.execute(context)
        except (Exception, Killed, TaskDeferred) as raised:  # noqa: BLE001 - the scenario says which it must be
            return raised

    def succeeds(self):
        """Live through a try that finds its job done in the end."""
        self.succeeded(self.a_try())

    def succeeded(self, result):
        """Hold a result to be one of success."""
        assert isinstance(result, dict), result
        assert self.kind.gone_is_success or result["status"] in self.kind.succeeded

    def submits_only(self, *, anew=False):
        """Live through a try that leaves its job running.

        :param anew: it is to be another job than the one that runs.
        """
        self.aws.settings.duration = FOREVER
        # Where the service runs one job at a time, another try's turn comes when that one has ended.
        if (anew or self.kind.token is None) and getattr(self.sample.runs, "busy_codes", ()):
            self.end_jobs()
        result = self.a_try(wait_for_completion=False)
        assert isinstance(result, dict), result
        assert result["status"] in self.kind.statuses or self.kind.gone_is_success

    def end_jobs(self):
        """End what runs, as success."""
        runner = self.aws._running.runner
        self.aws.settle()
        for job in self.aws.jobs():
            runner._finish(job, Ending(Outcome.SUCCEEDED), runner._generation)

    def until_ended(self):
        """Wait until every job has ended."""
        limit = time.monotonic() + 30
        while any(job.ended is None for job in self.aws.jobs()):
            assert time.monotonic() < limit, "a job did not end"
            time.sleep(0.01)

    def breaks(self, times):
        """Let the next jobs end by the service's fault."""
        self.sample.ends_as(self.aws, self.sample.failed, times)


def plain(life):
    life.succeeds()


def answer_lost(life):
    life.aws.settings.duration = FOREVER
    life.aws.fault(Fault(operation=life.kind.start, lose_answer=True, times=1))
    assert isinstance(life.a_try(), BdaJobLost)
    life.submits_only()


def died_after_submit(life):
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try("submit"), Killed)
    life.submits_only()


def died_after_submit_ended(life):
    assert isinstance(life.a_try("submit"), Killed)
    life.until_ended()
    life.succeeds()


def died_after_save(life):
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try("save"), Killed)
    life.submits_only()


def died_after_save_ended(life):
    assert isinstance(life.a_try("save"), Killed)
    life.until_ended()
    life.succeeds()


def died_before_defer(life):
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try("defer", deferrable=True), Killed)
    life.submits_only()


def triggerer_killed(life):
    life.aws.settings.duration = FOREVER
    deferred = life.a_try(deferrable=True)
    assert isinstance(deferred, TaskDeferred)
    with pytest.raises(TimeoutError):  # the triggerer goes, and with it all it knew
        in_triggerer(stored(deferred.trigger), limit=0.1)
    life.end_jobs()
    event = in_triggerer(stored(deferred.trigger))
    life.succeeded(life.operator().execute_complete({"ti": life.run.ti}, event.payload))


def triggerer_killed_answering(life):
    deferred = life.a_try(deferrable=True)
    first = in_triggerer(stored(deferred.trigger))  # its event is never stored
    event = in_triggerer(stored(deferred.trigger))
    assert event.payload["outcome"] == first.payload["outcome"] == "succeeded"
    life.succeeded(life.operator().execute_complete({"ti": life.run.ti}, event.payload))


def died_on_resume(life):
    assert isinstance(life.a_try("finish"), Killed)
    life.succeeds()


def retry_after_broken(life):
    life.breaks(1)
    assert isinstance(life.a_try(), BdaJobBroken)
    life.succeeds()


def three_broken(life):
    life.breaks(3)
    for _ in range(3):
        assert isinstance(life.a_try(), BdaJobBroken)


def broken_then_died(life):
    life.breaks(1)
    assert isinstance(life.a_try(), BdaJobBroken)
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try("submit"), Killed)
    life.submits_only(anew=names_a_thing(life.kind))


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
    life.sample.ends_as(life.aws, min(life.kind.rejected), None)
    assert isinstance(failed := life.a_try(), BdaJobRejected)
    assert isinstance(failed, AirflowFailException)


def partial(life):
    life.sample.ends_as(life.aws, min(life.kind.partial))
    assert isinstance(life.a_try(fail_on_partial=True), BdaJobPartial)
    life.succeeded(life.a_try(fail_on_partial=True))


def timed_out(life):
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try(wait_timeout=SHORT), BdaJobTimeout)
    life.submits_only()


def timed_out_ended(life):
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try(wait_timeout=SHORT), BdaJobTimeout)
    life.end_jobs()
    life.aws.settings.duration = 0.05
    life.succeeds()


def lost(life):
    life.aws.settings.duration = FOREVER
    life.aws.fault(Fault(operation=life.kind.describe, error="AccessDeniedException"))
    assert isinstance(life.a_try(), BdaJobLost)
    life.aws.clear_faults()
    life.submits_only()


def busy(life):
    life.aws.fault(Fault(operation=life.kind.start, error="ServiceQuotaExceededException"))
    assert isinstance(life.a_try(wait_timeout=SHORT), BdaJobTimeout)
    life.aws.clear_faults()


def no_room(life):
    busy(life)
    life.succeeds()


def refused(life):
    for code in ("AccessDeniedException", "ValidationException"):
        life.aws.clear_faults()
        life.aws.fault(Fault(operation=life.kind.start, error=code))
        assert isinstance(failed := life.a_try(), BdaInputError)
        assert isinstance(failed, AirflowFailException)


def cleared(life):
    plain(life)
    life.run.clear()
    plain(life)


def cleared_running(life):
    life.submits_only()
    life.run.clear()
    life.submits_only(anew=True)


def cleared_alone(life):
    plain(life)
    life.run.clear(reset_run=False)
    plain(life)


def cleared_then_died(life):
    plain(life)
    life.run.clear()
    life.aws.settings.duration = FOREVER
    assert isinstance(life.a_try("submit"), Killed)
    life.submits_only(anew=names_a_thing(life.kind))


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
    argument = method_name(life.kind.token)
    life.settings[argument] = "chosen-by-the-author-of-the-dag-itself"
    cleared(life)


def run_deleted(life):
    plain(life)
    life.run = FakeRun(life.operator, retries=2, store=life.run.store is not None)
    plain(life)


CASES = [
    pytest.param(sample, scenario, *given, id=f"{name}: {scenario.name}: {what}")
    for name, sample in SAMPLES.items()
    for scenario in SCENARIOS
    if scenario.happens_to(sample.kind)
    for what, given in (HELP if sample.kind.token else LESS_HELP).items()
]


@pytest.fixture(autouse=True)
def _no_long_memory(one_triggerer, shared_clients):
    """Tries by the hundred: one triggerer and one client for all of them."""


@pytest.mark.parametrize(("sample", "scenario", "store", "memory"), CASES)
def test_the_number_of_jobs_bought_is_that_of_the_table(aws, sample, scenario, store, memory):
    aws.settings.token_memory = memory
    life = Life(aws, sample, store=store)
    globals()[scenario.name](life)
    assert len(life.jobs) == scenario.bought(sample.kind, store=store, remembered=memory is None)


BREAKABLE = pytest.mark.parametrize(
    "sample", [pytest.param(sample, id=name) for name, sample in SAMPLES.items() if sample.failed]
)


@BREAKABLE
@pytest.mark.parametrize("store", [True, False], ids=["store", "no store"])
def test_no_try_buys_two_jobs_when_all_break_at_once(aws, sample, store):
    aws.settings.token_memory = 0.0
    life = Life(aws, sample, store=store)
    life.breaks(None)
    aws.settings.duration = 0.0
    bought = []
    for _ in range(3):
        life.a_try()
        bought.append(len(life.jobs))
    assert bought == [1, 2, 3]


def test_the_tries_of_a_clear_are_counted_from_the_clear(aws):
    life = Life(aws, SAMPLES["data_automation"], store=False)
    life.breaks(3)
    for _ in range(3):
        life.a_try()
    life.run.clear()
    plain(life)
    assert (len(life.jobs), life.run.ti.max_tries, life.run.ti.try_number) == (4, 5, 4)


def test_retries_raised_while_a_run_goes_on_do_not_free_more_generations_than_there_were_tries(aws):
    life = Life(aws, SAMPLES["data_automation"], store=False)
    life.run.retries = 50  # the Dag was edited; max_tries stays what it was
    life.breaks(None)
    aws.settings.duration = 0.0
    bought = []
    for _ in range(3):
        life.a_try()
        bought.append(len(life.jobs))
    assert bought == [1, 2, 3]


@pytest.mark.parametrize("kept", ["text", {}, {"handle": {"jobArn": "x"}, "max_tries": 2}])
def test_what_another_release_or_operator_left_in_the_store_is_passed_over(aws, kept):
    life = Life(aws, SAMPLES["data_automation"], store=True)
    life.run.store[_identity.STATE_KEY] = kept
    plain(life)
    assert len(life.jobs) == 1
