"""Runs jobs: a queue per lane, slots, an end time for each, and statuses taken from the job's kind.

Two rules learnt the hard way: the end time is set before the status, or a reader sees a finished job
without its times; and a slot is released in ``finally``, or one failing notification leaves every later
job in ``Created`` for ever.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.messages import ServiceError
from airflow_provider_bda.jobs import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_bda.emulator.clock import Clock
    from airflow_provider_bda.emulator.faults import Fault
    from airflow_provider_bda.emulator.settings import Settings
    from airflow_provider_bda.jobs import JobKind

log = logging.getLogger(__name__)

Lane = tuple[str, str, str, str]

_EARLY = frozenset({"Created", "STARTING"})
#: The status of something that is gone: nobody can ask for it.
GONE = "GONE"
#: Seconds within which the emulator comes to rest.
SETTLE = 60.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How the work of a job came out.

    :param outcome: one the job's kind has a status for.
    :param status: the very status, where the kind has several for the outcome.
    """

    outcome: Outcome
    error_type: str | None = None
    error_message: str | None = None
    status: str | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Job:
    """One job, as the emulator keeps it.

    :param lane: which slots it takes: the modality, for data automation.
    :param request: the parameters it was submitted with, every one.
    :param work: does the job's work once it has a slot, in a worker thread.
    :param watch: told when the job was created and when it has ended.
    :param fault: the rule that decides its end, if one does.
    """

    kind: JobKind
    id: str
    arn: str
    account: str
    region: str
    lane: str
    input_uri: str
    request: Mapping[str, Any]
    work: Callable[[Job], Ending]
    watch: Callable[[Job], None] = lambda _job: None
    fault: Fault | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    status: str = ""
    submitted: float = 0.0
    started: float | None = None
    ended: float | None = None
    error_type: str | None = None
    error_message: str | None = None

    @property
    def lane_key(self) -> Lane:
        """What the slots are counted by."""
        return (self.account, self.region, self.kind.name, self.lane)

    @property
    def open_key(self) -> tuple[str, str, str]:
        """What open jobs are counted by."""
        return (self.account, self.region, self.kind.name)

    def as_json(self) -> dict[str, Any]:
        """Answer the job as JSON, for the admin path."""
        shown = ("id", "arn", "account", "region", "lane", "input_uri", "request", "status", "submitted",
                 "started", "ended", "error_type", "error_message")  # fmt: skip
        return {"kind": self.kind.name, **{name: getattr(self, name) for name in shown}}


def waiting_status(kind: JobKind) -> str:
    """Answer the status of a job that has no slot yet; the running one where the kind has no other."""
    early = sorted(status for status in kind.pending if "progress" not in status.lower())
    return next((status for status in early if status in _EARLY), running_status(kind))


def running_status(kind: JobKind) -> str:
    """Answer the status of a job that has a slot."""
    running = sorted(status for status in kind.pending if status.lower().replace("_", "") == "inprogress")
    return running[0] if running else min(kind.pending)


def final_status(kind: JobKind, outcome: Outcome) -> str:
    """Answer the status that stands for an outcome of this kind.

    :raises ValueError: the kind has no status for it.
    """
    if outcome is Outcome.SUCCEEDED and kind.gone_is_success:
        return GONE
    found = [status for status in sorted(kind.statuses) if kind.outcome(status) is outcome]
    if not found:
        raise ValueError(f"{kind.title} has no status for {outcome.value}")
    return found[0]


class JobRunner:
    """The jobs of one emulator.

    :param settings: pace and quotas, read anew for every decision.
    :param clock: when jobs end.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._random = Random(settings.seed)  # noqa: S311 - to be repeatable, not to be secret
        self._lock = threading.RLock()
        self._idle = threading.Condition(self._lock)
        self._busy = 0
        self._queues: dict[Lane, deque[Job]] = defaultdict(deque)
        self._running: Counter[Lane] = Counter()
        self._open: Counter[tuple[str, str, str]] = Counter()
        self._generation = 0
        self._jobs: dict[str, Job] = {}
        self._pool = ThreadPoolExecutor(settings.worker_threads, thread_name_prefix="bda-emulator-job")
        self._unhook = clock.on_settle(self.settle)

    def submit(self, job: Job) -> None:
        """Take a job; it starts at once if a slot is free.

        :raises ServiceError: ServiceQuotaExceededException, when too many jobs are open.
        """
        with self._lock:
            room = self._settings.room_for(job.kind.name)
            if self._open[job.open_key] >= room:
                raise ServiceError(
                    "ServiceQuotaExceededException",
                    f"The number of open jobs in this account and Region is at its quota of {room}.",
                )
            self._open[job.open_key] += 1
            job.submitted = self._clock.now()
            job.status = waiting_status(job.kind)
            self._jobs[job.arn] = job
            self._background(lambda: job.watch(job))
            self._queues[job.lane_key].append(job)
            self._fill(job.lane_key)

    def stop(self, job: Job, *, stopping: str, stopped: str) -> bool:
        """Stop a job that runs; it has stopped as soon as the clock calls back.

        :param stopping: its status until then.
        :param stopped: its status afterwards.
        :return: whether there was anything to stop.
        """
        with self._lock:
            if job.ended is not None or job.status == stopping:
                return False
            job.status = stopping
            generation, ending = self._generation, Ending(Outcome.BROKEN, status=stopped)
            self._clock.call_at(self._clock.now(), lambda: self._finish(job, ending, generation))
            return True

    def get(self, arn: str) -> Job | None:
        """Find a job by its ARN."""
        return self._jobs.get(arn)

    def jobs(self) -> list[Job]:
        """Answer every job, oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def jobs_of(self, kind: JobKind, account: str, region: str) -> list[Job]:
        """Answer the jobs of one kind, account and Region, oldest first."""
        owner = (account, region, kind.name)
        return [job for job in self.jobs() if job.open_key == owner]

    def fill(self) -> None:
        """Start what may start now; for when a setting has changed."""
        with self._lock:
            for lane in list(self._queues):
                self._fill(lane)

    def settle(self) -> None:
        """Wait until the worker threads have nothing left to do, and no job whose time has come is yet to end."""
        give_up = time.monotonic() + SETTLE
        while True:
            with self._idle:
                # Neither can bring about the other while we hold the lock that both need.
                if self._busy == 0 and self._clock.catch_up(0.0):
                    return
                idle = self._idle.wait_for(lambda: self._busy == 0, timeout=SETTLE)
            if not idle or not self._clock.catch_up(SETTLE) or time.monotonic() > give_up:
                raise TimeoutError(f"the emulator did not come to rest within {SETTLE:.0f} seconds")

    def reset(self) -> None:
        """Forget every job; what is still being worked on ends without effect on the new state."""
        with self._lock:
            self._generation += 1
            self._jobs.clear()
            self._queues.clear()
            self._running.clear()
            self._open.clear()

    def close(self) -> None:
        """Stop the worker threads."""
        self.reset()
        self._unhook()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _fill(self, lane: Lane) -> None:
        slots = self._settings.concurrent_jobs.get(lane[3], len(self._queues[lane]) + self._running[lane])
        queue = self._queues[lane]
        while queue and self._running[lane] < slots:
            self._start(queue.popleft())

    def _start(self, job: Job) -> None:
        self._running[job.lane_key] += 1
        job.started = self._clock.now()
        job.status = running_status(job.kind)
        generation = self._generation
        self._background(lambda: self._work(job, generation))

    def _background(self, action: Callable[[], None]) -> None:
        self._busy += 1
        self._pool.submit(self._guarded, action)

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            # An exception in a thread pool vanishes unless it is said here.
            log.exception("background work of the emulator failed")
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def _work(self, job: Job, generation: int) -> None:
        try:
            ending = self._ending(job)
            seconds = self._settings.seconds_for(job, self._random)
        except Exception as error:
            log.exception("job %s failed inside the emulator", job.arn)
            ending = Ending(Outcome.BROKEN, "InternalServerException", f"the emulator failed: {error!r}")
            seconds = 0.0
        end = max(self._clock.now(), (job.started or 0.0) + seconds)
        self._clock.call_at(end, lambda: self._finish(job, ending, generation))

    def _ending(self, job: Job) -> Ending:
        if job.fault is None:
            return job.work(job)
        outcome = job.kind.outcome(job.fault.job_status)
        if outcome is None:
            raise ValueError(
                f"{job.fault.job_status!r} of a fault rule is no final status of {job.kind.title}"
            )
        if outcome is Outcome.SUCCEEDED:
            return job.work(job)
        return Ending(outcome, job.fault.error_type, job.fault.message, job.fault.job_status)

    def _finish(self, job: Job, ending: Ending, generation: int) -> None:
        with self._lock:
            if generation != self._generation or job.ended is not None:
                return
            try:
                job.error_type, job.error_message = ending.error_type, ending.error_message
                job.ended = self._clock.now()
                job.status = ending.status or final_status(job.kind, ending.outcome)
                self._background(lambda: job.watch(job))
            finally:
                self._open[job.open_key] -= 1
                self._running[job.lane_key] -= 1
                self._fill(job.lane_key)
