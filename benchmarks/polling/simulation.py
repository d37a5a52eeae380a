"""The real poller on a simulated clock: its event loop jumps to the next timer, so an hour takes seconds.

Poller, budget and durations are the package's own; only the clock and the service are stand-ins. The same seed gives
the same run. It tells calls and delays, and nothing of CPU time.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from botocore.exceptions import ClientError

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.jobs import JOB_KINDS
from airflow_provider_bda.jobs.decision import JobWait
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.waiting import durations, poller

if TYPE_CHECKING:
    from collections.abc import Iterator

KIND = JOB_KINDS["data_automation"]
ARN = "arn:aws:bedrock:us-east-1:123456789012:data-automation-invocation/{}"
#: Where the simulated clock begins, in epoch seconds.
EPOCH = 1_800_000_000.0
#: Seconds until a status call is answered.
LATENCY = 0.03
INTERVAL = 10.0


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer as soon as nothing is left to do."""

    def __init__(self) -> None:
        super().__init__()
        # Small: at the size of epoch seconds a float is coarser than asyncio's own resolution.
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0].when())
        super()._run_once()


@dataclass(frozen=True)
class Job:
    """A job: when it is submitted (seconds from the start), how long it takes, and what tells so beforehand."""

    name: str
    begins: float
    seconds: float
    traits: tuple[str, ...] = (KIND.name,)

    @property
    def ends(self) -> float:
        return self.begins + self.seconds


@dataclass
class Service:
    """GetDataAutomationStatus, with a limit of calls a second (a token bucket that holds a second's worth)."""

    jobs: dict[str, Job]
    limit: float | None = None
    calls: list[tuple[float, str]] = field(default_factory=list)
    throttled: int = 0
    _tokens: float = 0.0
    _seen: float = 0.0

    async def get_data_automation_status(self, *, invocationArn: str) -> dict[str, Any]:  # noqa: N803
        await asyncio.sleep(LATENCY)
        now = asyncio.get_running_loop().time()
        self._take(now)
        name = invocationArn.rsplit("/", 1)[-1]
        job = self.jobs[name]
        self.calls.append((now, name))
        submitted = {"jobSubmissionTime": _iso(job.begins)}
        if now < job.ends:
            return {"status": "InProgress", **submitted}
        return {"status": "Success", **submitted, "jobCompletionTime": _iso(job.ends)}

    def _take(self, now: float) -> None:
        if self.limit is None:
            return
        self._tokens = min(self._tokens + (now - self._seen) * self.limit, self.limit)
        self._seen = now
        if self._tokens < 1.0:
            self.throttled += 1
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetDataAutomationStatus")
        self._tokens -= 1.0


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    :param late: seconds from a job's end to its event, in order.
    :param longest_gap: seconds between two answers about one job.
    """

    jobs: int
    calls: int
    throttled: int
    late: list[float]
    longest_gap: float

    @property
    def calls_per_job(self) -> float:
        return self.calls / self.jobs

    def percentile(self, part: float) -> float:
        return self.late[min(int(len(self.late) * part), len(self.late) - 1)]


def simulate(
    jobs: list[Job],
    way: str,
    *,
    limit: float | None = None,
    measured_from: float = 0.0,
    hint_delay: float = 0.5,
) -> Outcome:
    """Wait for all jobs, each from its submission on.

    :param way: "plain" (every interval, in turn), "learned", or "hints" (an event comes for each end as well).
    :param limit: calls a second the service bears; None for any number.
    :param measured_from: jobs that begin before are the warm-up: they count for nothing.
    :param hint_delay: seconds until an event is delivered.
    """
    random.seed(7)
    service = Service({job.name: job for job in jobs}, limit)
    events: dict[str, float] = {}

    async def wait_for(job: Job) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(job.begins)
        if way == "hints":
            loop.call_at(job.ends + hint_delay, lambda: poller.hint(job.name))
        wait = JobWait(KIND, {"invocationArn": ARN.format(job.name)})
        told = (
            {"interval": INTERVAL}
            if way == "plain"
            else {"began": EPOCH + job.begins, "traits": job.traits, "listens": way == "hints"}
        )
        async with aclosing(poller.follow(wait, AwsTarget.of(), **told)) as items:
            async for item in items:
                if isinstance(item, JobEvent):
                    events[job.name] = loop.time()

    async def main() -> None:
        await asyncio.gather(*map(wait_for, jobs))

    with _clockwork(service, way) as loop:
        loop.run_until_complete(main())
    counted = {job.name: job for job in jobs if job.begins >= measured_from}
    calls = [(moment, name) for moment, name in service.calls if name in counted]
    return Outcome(
        jobs=len(counted),
        calls=len(calls),
        throttled=service.throttled,
        late=sorted(events[name] - job.ends for name, job in counted.items()),
        longest_gap=_longest_gap(calls, counted),
    )


def _longest_gap(calls: list[tuple[float, str]], jobs: dict[str, Job]) -> float:
    last = {name: job.begins for name, job in jobs.items()}
    longest = 0.0
    for moment, name in calls:
        longest = max(longest, moment - last[name])
        last[name] = moment
    return longest


@contextmanager
def _clockwork(service: Service, way: str) -> Iterator[JumpingLoop]:
    """Put the simulated clock and the service where the poller looks for them."""
    loop = JumpingLoop()

    async def client(*_: Any) -> Service:
        return service

    with (
        mock.patch.object(
            poller, "time", SimpleNamespace(time=lambda: EPOCH + loop.time(), monotonic=loop.time)
        ),
        mock.patch.object(
            poller, "client_pool", return_value=SimpleNamespace(client=client, refused=lambda *_: False)
        ),
        # A plain interval knows nothing of durations: whoever waits longest is next.
        mock.patch.object(durations, "ENOUGH", float("inf") if way == "plain" else durations.ENOUGH),
        mock.patch.object(durations, "UNKNOWN_SHARE", 0.0 if way == "plain" else durations.UNKNOWN_SHARE),
    ):
        yield loop
        loop.run_until_complete(asyncio.sleep(1.0))
        loop.close()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(EPOCH + seconds, UTC).isoformat()


def short_jobs(count: int, spread: float, seed: int = 1) -> list[Job]:
    """Answer jobs of 60 s, give or take a part, that come at random, four a second on average."""
    dice = random.Random(seed)  # noqa: S311 - an order, no secret
    return [
        Job(f"{number:05d}", dice.uniform(0, count / 4), 60 * dice.uniform(1 - spread, 1 + spread))
        for number in range(count)
    ]


def crowd(in_flight: int, seconds: float, spread: float, seed: int = 2) -> list[Job]:
    """Answer jobs of ten projects of 2/3 to 4/3 of ``seconds``, each give or take a part, so many at any time.

    They come for three times as long as they take; the first two thirds are the warm-up.
    """
    dice = random.Random(seed)  # noqa: S311 - an order, no secret
    typical = [seconds * (2 / 3 + 2 / 3 * place / 9) for place in range(10)]
    jobs = []
    for number in range(in_flight * 3):
        project = dice.randrange(10)
        took = typical[project] * dice.uniform(1 - spread, 1 + spread)
        begins = seconds * number / in_flight
        jobs.append(Job(f"{number:05d}", begins, took, (KIND.name, f"project-{project}")))
    return jobs
