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
import random
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_provider_bda.jobs.decision import STALE_CREDENTIALS, JobWait, Nature, Note
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.jobs.kind import method_name
from airflow_provider_bda.waiting.client_pool import client_pool
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error
from airflow_provider_bda.waiting.rate import AdaptiveRate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from airflow_provider_bda.aws import AwsTarget
    from airflow_provider_bda.jobs.decision import CallError, Decision

log = logging.getLogger(__name__)

#: Status calls under way at once.
IN_FLIGHT = 40
#: Seconds after which a status call that does not come back counts as failed, whatever botocore's settings.
CALL_TIMEOUT = 90.0


class PollerDiedError(Exception):
    """The poller's task ended by a mistake of ours; the waits it held must go elsewhere."""


class Watch:
    """One wait as the poller sees it.

    :param wait: the state and rule of the wait.
    :param interval: seconds between two calls.
    """

    __slots__ = ("done", "inbox", "interval", "wait")

    def __init__(self, wait: JobWait, interval: float) -> None:
        self.wait = wait
        self.interval = interval
        self.inbox: asyncio.Queue[Note | JobEvent | BaseException] = asyncio.Queue()
        self.done = False


class Poller:
    """Asks for the jobs of one target and service. Use :func:`follow`."""

    def __init__(self, target: AwsTarget, service: str) -> None:
        self.target = target
        self.service = service
        self.rate = AdaptiveRate()
        self._due: list[tuple[float, int, Watch]] = []
        self._order = 0
        self._watches: set[Watch] = set()
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._calls: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, watch: Watch) -> None:
        """Begin to ask for a job, at a random moment of the first interval: many triggers start together."""
        self._watches.add(watch)
        self._schedule(watch, watch.wait.delay(watch.interval, time.time()) * random.random())  # noqa: S311 - jitter
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())
            self._task.add_done_callback(self._ended)

    def remove(self, watch: Watch) -> None:
        """Stop asking for a job."""
        watch.done = True
        self._watches.discard(watch)
        self._wake.set()

    def _schedule(self, watch: Watch, delay: float) -> None:
        self._order += 1
        heapq.heappush(self._due, (asyncio.get_running_loop().time() + delay, self._order, watch))
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
            await self._slots.acquire()
            await self.rate.acquire()
            _, _, watch = heapq.heappop(self._due)
            if watch.done:
                self._slots.release()
                continue
            call = loop.create_task(self._ask(watch))
            self._calls.add(call)
            call.add_done_callback(self._called)
        self._due.clear()

    async def _ask(self, watch: Watch) -> None:
        try:
            decision = await decide(watch.wait, self)
        except Exception as error:  # noqa: BLE001 - a mistake of ours: the trigger it belongs to must hear of it
            watch.inbox.put_nowait(error)
            self.remove(watch)
            return
        if watch.done:
            return
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
        self._due.clear()


async def decide(wait: JobWait, poller: Poller) -> Decision:
    """Make one status call and decide on its answer."""
    pool = client_pool()
    try:
        client = await pool.client(poller.target, poller.service)
        async with asyncio.timeout(CALL_TIMEOUT):
            answer = await getattr(client, method_name(wait.kind.describe))(**wait.handle)
    except CALL_ERRORS as raised:
        error: CallError = call_error(raised)
        if error.nature is Nature.THROTTLED:
            poller.rate.on_throttled()
        if error.code in STALE_CREDENTIALS:
            pool.refused(poller.target, poller.service)
        return wait.on_error(error, time.time())
    return wait.on_answer(answer, time.time())


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
