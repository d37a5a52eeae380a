"""One poller per event loop, account and service asks for the status of every job that is waited for there.

A trigger registers its wait and takes notes until the event comes; it never talks to AWS itself. When a job is
asked for next follows from how long others like it took (``durations``); how many calls go out in all from one
budget per account and Region. Where that is too small for everybody, those go first whose end is most overdue.
If the poller dies, each trigger registers once more and then asks alone: a mistake here must not lose a job.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import logging
import math
import random
import time
from collections import deque
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_provider_bda.jobs.decision import JobWait, Nature, Note
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.jobs.kind import Outcome, method_name
from airflow_provider_bda.waiting import SETTLE, bulk, metrics, spare_the_collector_of_waits
from airflow_provider_bda.waiting.client_pool import client_pool
from airflow_provider_bda.waiting.durations import ENOUGH, Durations, began_at, next_age, took, usual
from airflow_provider_bda.waiting.errors import CALL_ERRORS, REFUSALS, call_error
from airflow_provider_bda.waiting.rate import AdaptiveRate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from airflow_provider_bda.aws import AwsTarget
    from airflow_provider_bda.jobs.decision import CallError, Decision

log = logging.getLogger(__name__)

#: Status calls under way at once: 480 a second where one takes 50 ms. Answers that come together are dealt with
#: in one turn of the loop, more than a millisecond each, and nobody else gets a turn meanwhile.
IN_FLIGHT = 24
#: Due times are rounded up to this part of an interval, but to no more than so many seconds.
TICK = 1 / 20
TICK_SECONDS = 0.5
#: Seconds after which a status call that does not come back counts as failed, whatever botocore's settings.
CALL_TIMEOUT = 90.0
#: However young a job seems, it is asked for at least so often (seconds): the more wait, the more seldom, so that it
#: takes this many calls a second at most, and this part of the budget. It may come sooner, by a part, while the
#: budget is not used up.
SELDOM = (90.0, 300.0)
SELDOM_CALLS, SELDOM_SHARE = 3.0, 1 / 3
EARLY = 0.9
#: Seconds after which a call that was throttled is made again, at most, as far as the budget goes.
THROTTLED_PAUSE = 2.0
#: Hints that one wait acts on.
MOST_HINTS = 5
#: Hints are trusted while this part of the last so many jobs were told of by one before polling found them ended.
TRUST, TRUST_OF = 0.8, 20
#: Hints remembered of jobs nobody waits for yet: one may come before its trigger has started.
MOST_EARLY = 10_000
#: Seconds of a job's age that are believed: a week.
LONGEST = 604_800.0
#: Goes before all others: the deadline has come.
FIRST = float("-inf")
#: The answer says how the job itself ended.
_ENDED = frozenset({Outcome.SUCCEEDED, Outcome.PARTIAL, Outcome.REJECTED, Outcome.BROKEN})


class PollerDiedError(Exception):
    """The poller's task ended by a mistake of ours; the waits it held must go elsewhere."""


class Watch:
    """One wait as the poller sees it.

    :param wait: the state and rule of the wait.
    :param interval: seconds an end may go unnoticed while one is to be expected.
    :param fixed: whether the interval is to lie between any two calls, whatever is known of durations.
    :param began: when the job was submitted, in epoch seconds, if known.
    :param traits: what tells how long it may take, :func:`~airflow_provider_bda.waiting.durations.traits_of`.
    :param listens: whether a hint is to be expected when the job ends.
    """

    __slots__ = (
        "alone",
        "began",
        "done",
        "earliest",
        "fixed",
        "hinted",
        "hints",
        "inbox",
        "interval",
        "listens",
        "scope",
        "seen_at",
        "since",
        "traits",
        "turn",
        "urgency",
        "wait",
    )

    def __init__(
        self,
        wait: JobWait,
        interval: float,
        *,
        fixed: bool = True,
        began: float | None = None,
        traits: tuple[str, ...] = (),
        listens: bool = False,
    ) -> None:
        self.wait = wait
        self.interval = interval
        self.fixed = fixed
        self.began = began
        self.traits = traits or (wait.kind.name,)
        self.listens = listens
        self.inbox: asyncio.Queue[Note | JobEvent | BaseException] = asyncio.Queue()
        self.done = False
        #: When the wait began, and when the job was last seen to go on (epoch seconds).
        self.since = time.time()
        self.seen_at: float | None = None
        #: The number of its entry in the heap that counts; None while it is being asked for.
        self.turn: int | None = None
        #: Of all that are due, the lowest goes first (the loop's seconds).
        self.urgency = 0.0
        #: Not before is it asked for (the loop's seconds); how many hints it had, one of them while it was asked for.
        self.earliest = 0.0
        self.hints = 0
        self.hinted = False
        #: Which list its job stands in, and whether the last list did not say enough about it.
        self.scope = bulk.scope_of(wait)
        self.alone = False

    def age(self, moment: float) -> float:
        """Answer how long the job had gone on at a moment, as far as that is known."""
        return max(moment - (self.since if self.began is None else self.began), 0.0)


class Budget:
    """What an account allows in a Region, and what was learned there: shared by all pollers of a loop."""

    def __init__(self) -> None:
        self.rate = AdaptiveRate()
        self.durations = Durations()
        #: Of the last jobs that were to send an event when they ended: whether it came first.
        self.told: deque[bool] = deque(maxlen=TRUST_OF)

    @property
    def trusts_hints(self) -> bool:
        """Whether events have come so far: then a job is not asked for before its own is overdue."""
        return len(self.told) >= ENOUGH and sum(self.told) >= TRUST * len(self.told)


class Early:
    """Names of jobs that were told of before anybody waited for them; the oldest are forgotten."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Remember one."""
        self._names[name] = None
        if len(self._names) > MOST_EARLY:
            del self._names[next(iter(self._names))]

    def pop(self, name: str) -> bool:
        """Forget one; tell whether it was known."""
        return name in self._names and (self._names.pop(name) or True)


def _job_id(watch: Watch) -> str:
    """Answer what an event calls a job: the end of its ARN."""
    return bulk.name_of(watch.wait).rsplit("/", 1)[-1]


class Poller:
    """Asks for the jobs of one target, account and service. Use :func:`follow`."""

    def __init__(
        self, target: AwsTarget, service: str, budget: Budget | None = None, early: Early | None = None
    ) -> None:
        self.target = target
        self.service = service
        self.budget = budget or Budget()
        self.rate = self.budget.rate
        #: When each is to be asked for; and, of those whose time has come, which goes first.
        self._later: list[tuple[float, int, Watch]] = []
        self._due: list[tuple[float, int, Watch]] = []
        self._turn = 0
        self._watches: set[Watch] = set()
        self._named: dict[str, set[Watch]] = {}
        self._early = early or Early()
        self._listed: dict[bulk.Scope, set[Watch]] = {}
        self._lists_off: dict[bulk.Scope, float] = {}
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._calls: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, watch: Watch) -> None:
        """Begin to ask for a job, not before a random moment of the first interval's second half.

        At random, for many triggers start together; not sooner, for a trigger that fires before the scheduler has
        read that the deferring worker ended (up to 6 s) makes Airflow, up to 3.3.2, fail the task.
        """
        self._watches.add(watch)
        metrics.waiting(self.service, len(self._watches))
        if watch.scope is not None:
            self._listed.setdefault(watch.scope, set()).add(watch)
        self._named.setdefault(_job_id(watch), set()).add(watch)
        now = time.time()
        first = watch.interval * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        if not watch.fixed and watch.began is not None:
            wished, urgent = self._plan(watch, now)
            self._schedule(watch, max(wished, first), max(urgent, first))
        else:
            self._schedule(watch, first, first)
        watch.earliest = asyncio.get_running_loop().time() + min(first, SETTLE)
        spare_the_collector_of_waits(len(self._watches))
        if self._early.pop(_job_id(watch)):
            self._hint(watch)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())
            self._task.add_done_callback(self._ended)

    def remove(self, watch: Watch) -> None:
        """Stop asking for a job."""
        watch.done = True
        if watch in self._watches:
            self._watches.discard(watch)
            metrics.waiting(self.service, len(self._watches))
        named = self._named.get(_job_id(watch), set())
        named.discard(watch)
        if not named:
            self._named.pop(_job_id(watch), None)
        if watch.scope is not None and watch.scope in self._listed:
            self._listed[watch.scope].discard(watch)
            if not self._listed[watch.scope]:
                del self._listed[watch.scope]
        self._wake.set()

    def hint(self, job_id: str) -> bool:
        """Ask for a job next; answer whether anybody waits for it."""
        named = self._named.get(job_id, ())
        for watch in named:
            self._hint(watch)
        return bool(named)

    def _hint(self, watch: Watch) -> None:
        # Anybody may write into a queue: a hint costs a call, so a job has only so many.
        if watch.hints >= MOST_HINTS:
            return
        watch.hints += 1
        if watch.turn is None:
            watch.hinted = True  # what is being answered may be of before the end
            return
        watch.urgency = FIRST
        self._enter(watch, max(watch.earliest, asyncio.get_running_loop().time()))

    def _plan(self, watch: Watch, now: float) -> tuple[float, float]:
        """Answer the seconds until a job may be asked for, and until it should be."""
        interval = watch.interval * random.uniform(0.95, 1.05)  # noqa: S311 - jitter
        # Seldom enough to cost little, often enough that a job unlike all others is noticed.
        calls = min(SELDOM_CALLS, self.rate.rate * SELDOM_SHARE)
        seldom = min(max(len(self._watches) / calls, SELDOM[0]), SELDOM[1])
        known = self.budget.durations.of(watch.traits)
        seen = 0.0 if watch.seen_at is None else watch.age(watch.seen_at)
        age = next_age(known, seen, interval)
        if watch.listens and self.budget.trusts_hints:
            age = max(age, usual(known) + interval) if known else seen + seldom
        likely = min(max(age - watch.age(now), 0.0), seldom)
        listed = watch.scope is not None and len(self._listed.get(watch.scope, ())) >= bulk.MIN_WAITS
        if watch.fixed or listed:
            return interval, max(likely, interval)
        return min(likely, seldom * EARLY), likely

    def _ask_again(self, watch: Watch) -> None:
        """Ask for a job anew whose call was throttled: the budget is what slows down, not this one job."""
        now, wall = asyncio.get_running_loop().time(), time.time()
        pause = THROTTLED_PAUSE * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        if watch.wait.deadline is not None:
            pause = max(min(pause, watch.wait.deadline - wall), 0.0)
        self._enter(watch, now + pause)

    def _schedule(self, watch: Watch, wished: float, urgent: float) -> None:
        """Ask for a job in so many seconds, slower while calls for it fail, never past its deadline."""
        now, wall = asyncio.get_running_loop().time(), time.time()
        delay = watch.wait.delay(wished, wall)
        deadline = watch.wait.deadline
        last = deadline is not None and wall + delay >= deadline
        watch.urgency = FIRST if last else now + max(delay, urgent)
        self._enter(watch, now + delay)

    def _enter(self, watch: Watch, moment: float) -> None:
        # On whole ticks: calls that go out together cost a third less CPU than the same calls one by one.
        tick = min(watch.interval * TICK, TICK_SECONDS)
        self._turn += 1
        watch.turn = self._turn
        heapq.heappush(self._later, (math.ceil(moment / tick) * tick, self._turn, watch))
        if self._later[0][2] is watch:
            self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._watches:
            if not self._any_due(loop.time()):
                await self._sleep()
                continue
            await self._slots.acquire()
            await self.rate.acquire()
            # Chosen last: whoever became due while the budget was waited for takes part.
            watch = self._next(loop.time())
            if watch is None:
                self.rate.give_back()
                self._slots.release()
                continue
            group = self._group(watch)
            for member in group:
                member.turn = None
            call = loop.create_task(self._ask(watch) if len(group) == 1 else self._ask_for_all(group))
            self._calls.add(call)
            call.add_done_callback(self._called)
        self._later.clear()
        self._due.clear()

    async def _sleep(self) -> None:
        """Sleep until the next job is due or something changes."""
        loop = asyncio.get_running_loop()
        self._wake.clear()
        timer = loop.call_at(self._later[0][0], self._wake.set) if self._later else None
        await self._wake.wait()
        if timer is not None:
            timer.cancel()

    def _any_due(self, now: float) -> bool:
        """Tell whether a job is due, sorting those that became so by urgency."""
        while self._later and self._later[0][0] <= now:
            _, turn, watch = heapq.heappop(self._later)
            if watch.turn == turn and not watch.done:
                heapq.heappush(self._due, (watch.urgency, turn, watch))
        while self._due and (self._due[0][2].done or self._due[0][2].turn != self._due[0][1]):
            heapq.heappop(self._due)
        return bool(self._due)

    def _next(self, now: float) -> Watch | None:
        return heapq.heappop(self._due)[2] if self._any_due(now) else None

    def _group(self, watch: Watch) -> list[Watch]:
        """Answer the waits that one list is to answer, or the one wait alone."""
        scope = watch.scope
        if watch.alone or scope is None or self._lists_off.get(scope, 0.0) > time.monotonic():
            watch.alone = False
            return [watch]
        group = [other for other in self._listed.get(scope, ()) if other.turn is not None and not other.alone]
        return group if len(group) >= bulk.MIN_WAITS else [watch]

    async def _ask_for_all(self, group: list[Watch]) -> None:
        """Make one list call a page for many jobs; who is not found, or has ended, is asked for alone at once."""
        scope, kind = group[0].scope, group[0].wait.kind
        found: dict[str, dict[str, Any]] = {}
        if scope is not None:
            try:
                client = await client_pool().client(self.target, self.service)
                wanted = {bulk.name_of(watch.wait) for watch in group}
                async with asyncio.timeout(CALL_TIMEOUT):
                    found = await bulk.list_answers(client, kind, scope, wanted, self.rate.acquire)
            except Exception as error:  # noqa: BLE001 - whatever it is, each job can still be asked for alone
                self._list_failed(scope, error)
        for watch in group:
            if watch.done:
                continue
            answer = found.get(bulk.name_of(watch.wait))
            if answer is not None and bulk.says_enough(watch.wait, answer):
                self._act_on(watch, watch.wait.on_answer(answer, time.time()))
            else:
                watch.alone = True
                self._schedule(watch, 0.0, 0.0)

    def _list_failed(self, scope: bulk.Scope, raised: Exception) -> None:
        error = call_error(raised) if isinstance(raised, CALL_ERRORS) else None
        if error is not None and error.nature is Nature.THROTTLED:
            self.rate.on_throttled()
        elif error is None or error.nature is not Nature.TRANSIENT:
            self._lists_off[scope] = time.monotonic() + bulk.OFF_AFTER_REFUSAL
            log.warning("jobs cannot be listed, so each is asked for alone: %s", error or repr(raised))

    async def _ask(self, watch: Watch) -> None:
        try:
            decision = await decide(watch.wait, self)
        except Exception as error:  # noqa: BLE001 - a mistake of ours: the trigger it belongs to must hear of it
            watch.inbox.put_nowait(error)
            self.remove(watch)
            return
        if not watch.done:
            self._act_on(watch, decision)

    def _act_on(self, watch: Watch, decision: Decision) -> None:
        for note in decision.notes:
            watch.inbox.put_nowait(note)
        now = time.time()
        if decision.event is not None:
            if decision.event.outcome in _ENDED:
                self._learn(watch, decision.event, now)
                if watch.listens:
                    self.budget.told.append(watch.hints > 0)
            watch.inbox.put_nowait(decision.event)
            self.remove(watch)
            return
        # Where failing calls are counted, they must not follow each other quickly.
        if watch.wait.is_throttled and watch.wait.status_retries is None:
            self._ask_again(watch)
            return
        if watch.wait.failures:
            pause = watch.interval * random.uniform(0.95, 1.05)  # noqa: S311 - jitter
            self._schedule(watch, pause, pause)
            return
        if watch.began is None:
            began = began_at(watch.wait.kind, watch.wait.answer)
            # A clock that is far off, or a job of long ago, says nothing of this wait.
            watch.began = began if began is not None and now - LONGEST < began <= now else watch.since
        watch.seen_at = now
        self._schedule(watch, *self._plan(watch, now))
        if watch.hinted:
            watch.hinted = False
            watch.urgency = FIRST
            self._enter(watch, asyncio.get_running_loop().time())

    def _learn(self, watch: Watch, event: JobEvent, now: float) -> None:
        seconds = took(watch.wait.kind, event.answer)
        if seconds is None:
            if watch.seen_at is None:
                return  # it may have ended long ago
            # Somewhere between the last two looks.
            seconds = (watch.age(watch.seen_at) + watch.age(now)) / 2
        self.budget.durations.learn(watch.traits, seconds)

    def _called(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._slots.release()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Tell every wait that is left, whatever ended the task."""
        if task is not self._task or not self._watches:
            return  # nobody waits, or a new task has already taken over what is left
        cause = None if task.cancelled() else task.exception()
        for watch in self._watches:
            watch.inbox.put_nowait(PollerDiedError(f"the shared poller ended: {cause!r}"))
        self._watches.clear()
        self._named.clear()
        self._listed.clear()
        self._later.clear()
        self._due.clear()


async def decide(wait: JobWait, poller: Poller) -> Decision:
    """Ask for one job's status and decide on the answer."""
    metrics.status_call(wait.kind)
    try:
        answer = await _describe(wait, poller)
    except CALL_ERRORS as raised:
        error: CallError = call_error(raised)
        if error.nature is Nature.THROTTLED:
            poller.rate.on_throttled()
            metrics.throttled(wait.kind, "status")
        return wait.on_error(error, time.time())
    return wait.on_answer(answer, time.time())


async def _describe(wait: JobWait, poller: Poller) -> Any:
    """Make one status call; where credentials are refused and newer ones are to be had, a second one.

    A refusal of what a shared client was built with long ago says nothing about the connection as it is now,
    and must not end a wait that has only just begun.
    """
    pool = client_pool()
    for last in (False, True):
        async with asyncio.timeout(CALL_TIMEOUT):
            client = await pool.client(poller.target, poller.service)
            try:
                return await getattr(client, method_name(wait.kind.describe))(**wait.handle)
            except CALL_ERRORS as raised:
                if call_error(raised).code not in REFUSALS:
                    raise
                if not pool.refused(poller.target, poller.service, client) or last:
                    raise
    raise AssertionError("the second attempt returns or raises")


class _Pollers:
    """The pollers of one event loop and their budgets."""

    def __init__(self) -> None:
        self.early = Early()
        self.budgets: dict[tuple[str, str | AwsTarget], Budget] = {}
        self.pollers: dict[tuple[AwsTarget, str, str | AwsTarget], Poller] = {}


_POLLERS: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pollers] = WeakKeyDictionary()


def poller_for(target: AwsTarget, wait: JobWait) -> Poller:
    """Answer the running loop's poller for a job. Connections that lead to one account share its budget."""
    own = _POLLERS.setdefault(asyncio.get_running_loop(), _Pollers())
    service, account = wait.kind.service, _account(wait.handle) or target
    key = (target, service, account)
    if key not in own.pollers:
        budget = own.budgets.setdefault((service, account), Budget())
        own.pollers[key] = Poller(target, service, budget, own.early)
    return own.pollers[key]


def hint(job_id: str) -> bool:
    """Ask for a job next; answer whether anybody in the running loop waits for it.

    :param job_id: the end of its ARN. Of a job nobody waits for it is remembered for a while.
    """
    own = _POLLERS.setdefault(asyncio.get_running_loop(), _Pollers())
    # Each of them: two connections may wait for one job.
    heard = sum(poller.hint(job_id) for poller in own.pollers.values())
    if not heard:
        own.early.add(job_id)
    return heard > 0


def _account(handle: Mapping[str, str]) -> str | None:
    """Answer Region and account out of a job's ARN; None where its handle holds none."""
    for value in handle.values():
        parts = value.split(":")
        if len(parts) > 5 and parts[0] == "arn" and parts[4]:
            return f"{parts[3]}:{parts[4]}"
    return None


async def follow(
    wait: JobWait,
    target: AwsTarget,
    interval: float | None = None,
    *,
    expected: float | None = None,
    began: float | None = None,
    traits: tuple[str, ...] = (),
    listens: bool = False,
) -> AsyncGenerator[Note | JobEvent]:
    """Yield notes for the log while a job goes on, then its event, and end.

    :param wait: the state and rule of the wait; it survives a change of poller.
    :param target: which AWS to ask.
    :param interval: seconds between two calls for this job. None leaves it to what is known of durations.
    :param expected: without an interval: seconds an end may go unnoticed while one is to be expected; None takes
        the kind's interval.
    :param began: when the job was submitted, in epoch seconds, if known.
    :param traits: what tells how long the job may take.
    :param listens: whether a hint is to be expected when the job ends. It is never relied on.
    """
    fixed, interval = interval is not None, interval or expected or wait.kind.poll_interval
    for _ in range(2):
        poller = poller_for(target, wait)
        watch = Watch(wait, interval, fixed=fixed, began=began, traits=traits, listens=listens)
        poller.add(watch)
        try:
            while True:
                item = await watch.inbox.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
                if isinstance(item, JobEvent):
                    return
        except PollerDiedError as died:
            yield Note(warning=True, text=f"{died}; waiting on")
        finally:
            poller.remove(watch)
    async for item in _follow_alone(wait, target, interval):
        yield item


async def _follow_alone(wait: JobWait, target: AwsTarget, interval: float) -> AsyncGenerator[Note | JobEvent]:
    alone = Poller(target, wait.kind.service)
    while True:
        await asyncio.sleep(wait.delay(interval, time.time()))
        await alone.rate.acquire()
        decision = await decide(wait, alone)
        for note in decision.notes:
            yield note
        if decision.event is not None:
            yield decision.event
            return
