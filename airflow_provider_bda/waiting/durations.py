"""How long jobs take, as far as it was seen, and so when a job is best asked for next. Pure: no clock, no I/O.

What is known of jobs of the same kind, project, format and size is asked first, then of wider circles of them.
A plan that is wrong costs a call or a moment, never a job: the poller asks for each job now and then all the same.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import OrderedDict, deque
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs.kind import dig

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_bda.jobs.kind import JobKind

#: Circles of jobs remembered, and durations of each: under 1 MB in all.
CIRCLES = 512
SAMPLES = 64
#: So many durations are worth a plan; with fewer, the next wider circle is asked.
ENOUGH = 5
#: A job that outlives this part of what was seen is out of the ordinary: it is asked for less and less often.
ORDINARY = 0.95
#: An end is to be expected once this part of those like it, and as old, have ended; from then on it goes unnoticed
#: for this part of the interval at most, for a call may have to wait its turn.
FEW, IN_TIME = 0.02, 0.8
#: A job is asked for when this part of those like it, and as old, have ended.
MOST = 2 / 3
#: The part of a job's age that passes between two calls where nothing is known.
UNKNOWN_SHARE = 1 / 8
#: Seconds after the moment a job should have ended: answers are a moment behind.
MARGIN = 0.5
#: Two calls for one job are never closer than this part of the interval.
CLOSEST = 1 / 5

_BEGAN = ("job_submission_time", "submit_time", "creation_time", "created_at", "started_at")
_ENDED = ("job_completion_time", "end_time", "completion_time", "updated_at")


class Durations:
    """Durations in seconds, by traits: words that describe a job, the widest circle first.

    :param circles: how many circles are remembered; those not asked for longest are forgotten.
    """

    def __init__(self, circles: int = CIRCLES) -> None:
        self._most = circles
        self._known: OrderedDict[tuple[str, ...], _Seen] = OrderedDict()

    def learn(self, traits: Sequence[str], seconds: float) -> None:
        """Note how long a job took, for every circle it belongs to."""
        for length in range(1, len(traits) + 1):
            circle = tuple(traits[:length])
            seen = self._known.get(circle)
            if seen is None:
                seen = self._known[circle] = _Seen()
                if len(self._known) > self._most:
                    self._known.popitem(last=False)
            self._known.move_to_end(circle)
            seen.add(seconds)

    def of(self, traits: Sequence[str]) -> Sequence[float]:
        """Answer the durations of the narrowest circle that has enough of them, in order; empty if none has."""
        for length in range(len(traits), 0, -1):
            seen = self._known.get(tuple(traits[:length]))
            if seen is not None and len(seen.ordered) >= ENOUGH:
                self._known.move_to_end(tuple(traits[:length]))
                return seen.ordered
        return ()

    def __len__(self) -> int:
        return len(self._known)


class _Seen:
    __slots__ = ("latest", "ordered")

    def __init__(self) -> None:
        self.latest: deque[float] = deque()
        self.ordered: list[float] = []

    def add(self, seconds: float) -> None:
        self.latest.append(seconds)
        insort(self.ordered, seconds)
        if len(self.latest) > SAMPLES:
            self.ordered.remove(self.latest.popleft())


def next_age(durations: Sequence[float], age: float, interval: float) -> float:
    """Answer the age at which a job that still goes on is best asked for.

    That is when most jobs like it have ended, but no later than an interval after the first of them do.

    :param durations: seconds that jobs like it took, in order; empty if nothing is known.
    :param age: seconds the job had gone on when it was last seen to; 0 if it was not asked for yet.
    :param interval: seconds that an end may go unnoticed while one is to be expected.
    """
    if not durations:
        return age + max(interval, age * UNKNOWN_SHARE)
    place = bisect_right(durations, age)
    left = len(durations) - place
    ordinary = usual(durations)
    if left == 0 or (age >= ordinary and left <= len(durations) * (1 - ORDINARY)):
        late = age + max(interval, (age - ordinary) / 2)
        return late if left == 0 else min(late, durations[place] + interval)
    first, most = durations[place + int(left * FEW)], durations[place + int(left * MOST)]
    return max(min(most + MARGIN, first + interval * IN_TIME), age + interval * CLOSEST)


def usual(durations: Sequence[float]) -> float:
    """Answer the seconds within which nearly all jobs ended; ``durations`` must not be empty."""
    return durations[min(int(len(durations) * ORDINARY), len(durations) - 1)]


def traits_of(kind: JobKind, request: Mapping[str, Any], size: int | None = None) -> tuple[str, ...]:
    """Answer what tells how long a job may take: its kind, project or blueprints, format and size class.

    :param request: the request that starts it.
    :param size: bytes of its input, where known.
    """
    project = dig(dict(request), ("dataAutomationConfiguration", "dataAutomationProjectArn")) or ",".join(
        str(item.get("blueprintArn")) for item in request.get("blueprints") or () if isinstance(item, dict)
    )
    uri = dig(dict(request), ("inputConfiguration", "s3Uri"))
    if not isinstance(uri, str):
        return (kind.name, str(request["modelId"])) if request.get("modelId") else (kind.name,)
    name = uri.rsplit("/", 1)[-1].lower()
    traits = (kind.name, str(project), name.rsplit(".", 1)[-1] if "." in name else "")
    # Powers of two: what is twice as large is likely to take longer.
    return traits if size is None else (*traits, str(int(size).bit_length()))


def began_at(kind: JobKind, answer: Mapping[str, Any]) -> float | None:
    """Answer when a job was submitted, in epoch seconds of the service's clock, if its answer says so."""
    return _moment(kind, answer, _BEGAN)


def took(kind: JobKind, answer: Mapping[str, Any]) -> float | None:
    """Answer how many seconds a job took from submission to end, if its answer says so."""
    began, ended = _moment(kind, answer, _BEGAN), _moment(kind, answer, _ENDED)
    return ended - began if began is not None and ended is not None and ended >= began else None


def _moment(kind: JobKind, answer: Mapping[str, Any], names: Iterable[str]) -> float | None:
    where = dict(kind.result)
    for name in names:
        found = dig(dict(answer), where[name]) if name in where else None
        if isinstance(found, str):
            try:
                return datetime.fromisoformat(found).timestamp()
            except ValueError:
                return None
    return None
