"""One poller per event loop, target and service asks for the status of every job that is waited for there.

A trigger registers its wait and takes notes until the event comes; it never talks to AWS itself. Due times
lie in a heap, calls pass a shared rate and a bound of calls under way. If the poller dies, each trigger
registers once more and then asks alone: a mistake here must not lose a job.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import logging
import math
import random
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_provider_bda.jobs.decision import JobWait, Nature, Note
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.jobs.kind import method_name
from airflow_provider_bda.waiting import bulk
from airflow_provider_bda.waiting.client_pool import client_pool
from airflow_provider_bda.waiting.errors import CALL_ERRORS, REFUSALS, call_error
from airflow_provider_bda.waiting.rate import AdaptiveRate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from airflow_provider_bda.aws import AwsTarget
    from airflow_provider_bda.jobs.decision import CallError, Decision

log = logging.getLogger(__name__)

#: Status calls under way at once.
IN_FLIGHT = 40
#: Due times are rounded up to this part of an interval, but to no more than so many seconds.
TICK = 1 / 20
TICK_SECONDS = 0.5
#: Seconds after which a status call that does not come back counts as failed, whatever botocore's settings.
CALL_TIMEOUT = 90.0


class PollerDiedError(Exception):
    """The poller's task ended by a mistake of ours; the waits it held must go elsewhere."""


class Watch:
    """One wait as the poller sees it.

    :param wait: the state and rule of the wait.
    :param interval: seconds between two calls.
    """

    __slots__ = ("alone", "done", "due", "inbox", "interval", "scope", "wait")

    def __init__(self, wait: JobWait, interval: float) -> None:
        self.wait = wait
        self.interval = interval
        self.inbox: asyncio.Queue[Note | JobEvent | BaseException] = asyncio.Queue()
        self.done = False
        #: When it is asked for next; an older entry of the heap counts no more. None while it is being asked for.
        self.due: float | None = None
        #: Which list its job stands in, and whether the last list did not say enough about it.
        self.scope = bulk.scope_of(wait)
        self.alone = False


class Poller:
    """Asks for the jobs of one target and service. Use :func:`follow`."""

    def __init__(self, target: AwsTarget, service: str) -> None:
        self.target = target
        self.service = service
        self.rate = AdaptiveRate()
        self._due: list[tuple[float, int, Watch]] = []
        self._order = 0
        self._watches: set[Watch] = set()
        self._listed: dict[bulk.Scope, set[Watch]] = {}
        self._lists_off: dict[bulk.Scope, float] = {}
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._calls: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, watch: Watch) -> None:
        """Begin to ask for a job, at a random moment of the first interval's second half.

        At random, for many triggers start together; not sooner, for a trigger that fires before the scheduler has
        read that the deferring worker ended (up to 6 s) makes Airflow, up to 3.3.2, fail the task.
        """
        self._watches.add(watch)
        if watch.scope is not None:
            self._listed.setdefault(watch.scope, set()).add(watch)
        self._schedule(watch, watch.wait.delay(watch.interval, time.time()) * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())
            self._task.add_done_callback(self._ended)

    def remove(self, watch: Watch) -> None:
        """Stop asking for a job."""
        watch.done = True
        self._watches.discard(watch)
        if watch.scope is not None and watch.scope in self._listed:
            self._listed[watch.scope].discard(watch)
            if not self._listed[watch.scope]:
                del self._listed[watch.scope]
        self._wake.set()

    def _schedule(self, watch: Watch, delay: float) -> None:
        self._order += 1
        # On whole ticks: calls that go out together cost a third less CPU than the same calls one by one.
        tick = min(watch.interval * TICK, TICK_SECONDS)
        watch.due = math.ceil((asyncio.get_running_loop().time() + delay) / tick) * tick
        heapq.heappush(self._due, (watch.due, self._order, watch))
        if self._due[0][2] is watch:
            self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._watches:
            pause = self._due[0][0] - loop.time() if self._due else None
            if pause is None or pause > 0:
                self._wake.clear()
                timer = loop.call_later(pause, self._wake.set) if pause is not None else None
                await self._wake.wait()
                if timer is not None:
                    timer.cancel()
                continue
            due, _, watch = heapq.heappop(self._due)
            if watch.done or watch.due != due:
                continue
            await self._slots.acquire()
            await self.rate.acquire()
            group = self._group(watch)
            for member in group:
                member.due = None
            call = loop.create_task(self._ask(watch) if len(group) == 1 else self._ask_for_all(group))
            self._calls.add(call)
            call.add_done_callback(self._called)
        self._due.clear()

    def _group(self, watch: Watch) -> list[Watch]:
        """Answer the waits that one list is to answer, or the one wait alone."""
        scope = watch.scope
        if watch.alone or scope is None or self._lists_off.get(scope, 0.0) > time.monotonic():
            watch.alone = False
            return [watch]
        group = [other for other in self._listed.get(scope, ()) if other.due is not None and not other.alone]
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
                self._schedule(watch, 0.0)

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
        if decision.event is not None:
            watch.inbox.put_nowait(decision.event)
            self.remove(watch)
            return
        jitter = random.uniform(0.95, 1.05)  # noqa: S311 - jitter
        self._schedule(watch, watch.wait.delay(watch.interval * jitter, time.time()))

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
        self._listed.clear()
        self._due.clear()


async def decide(wait: JobWait, poller: Poller) -> Decision:
    """Ask for one job's status and decide on the answer."""
    try:
        answer = await _describe(wait, poller)
    except CALL_ERRORS as raised:
        error: CallError = call_error(raised)
        if error.nature is Nature.THROTTLED:
            poller.rate.on_throttled()
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


_POLLERS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[AwsTarget, str], Poller]] = (
    WeakKeyDictionary()
)


def poller_for(target: AwsTarget, service: str) -> Poller:
    """Answer the running loop's poller for a target and service."""
    pollers = _POLLERS.setdefault(asyncio.get_running_loop(), {})
    return pollers.setdefault((target, service), Poller(target, service))


async def follow(wait: JobWait, target: AwsTarget, interval: float) -> AsyncGenerator[Note | JobEvent]:
    """Yield notes for the log while a job goes on, then its event, and end.

    :param wait: the state and rule of the wait; it survives a change of poller.
    :param target: which AWS to ask.
    :param interval: seconds between two calls for this job.
    """
    for _ in range(2):
        poller, watch = poller_for(target, wait.kind.service), Watch(wait, interval)
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


def wait_blocking(wait: JobWait, describe: Any, interval: float, log_note: Any) -> JobEvent:
    """Wait on the worker with the same decision: the blocking mode of an operator.

    :param describe: called without arguments, makes one status call.
    :param log_note: called with each :class:`Note`.
    """
    while True:
        try:
            answer = describe()
        except CALL_ERRORS as raised:
            decision = wait.on_error(call_error(raised), time.time())
        else:
            decision = wait.on_answer(answer, time.time())
        for note in decision.notes:
            log_note(note)
        if decision.event is not None:
            return decision.event
        time.sleep(wait.delay(interval, time.time()))
