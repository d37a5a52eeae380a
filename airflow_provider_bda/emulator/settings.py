"""The emulator's settings: its pace and its quotas, changeable while it runs.

Figures AWS documents are the defaults; what AWS does not publish (request rates, how long a token is
remembered) is off or for ever until it is set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs import quota

if TYPE_CHECKING:
    from random import Random

    from airflow_provider_bda.emulator.runner import Job

#: Seconds; or a range to draw from; or a function of the job.
Duration = float | tuple[float, float] | Callable[["Job"], float]

CONCURRENT_JOBS: Mapping[str, int] = {
    modality.upper(): known.default for modality, known in quota.CONCURRENT_JOBS.items()
}

OPEN_JOBS = quota.OPEN_JOBS.default

#: Open jobs of other kinds than data automation, where AWS publishes a figure: pending data ingestion jobs.
OPEN_JOBS_BY_KIND: Mapping[str, int] = {"equipment_ingestion": 5}

#: Those that JSON can carry, so those the admin path may change.
_OVER_THE_WIRE = (
    "duration",
    "durations",
    "concurrent_jobs",
    "open_jobs",
    "open_jobs_by_kind",
    "requests_per_second",
    "token_memory",
    "fixtures",
    "failed_segments",
    "optimization_metrics",
    "data_sources",
    "ended_services",
)


@dataclass(slots=True, kw_only=True)
class Settings:
    """What can be set about an emulator.

    :param region: the region of calls that do not say one, and of the ready-made clients.
    :param account: the account id; None takes the first that no other emulator in this process has.
    :param duration: how long a job runs: seconds, a range to draw from, or a function of the job.
    :param durations: the same by job kind, where it is not ``duration``: a project is made at once.
    :param concurrent_jobs: running jobs at once, by modality; the rest waits in ``Created``.
    :param open_jobs: jobs not yet ended, by account and region; one more is ServiceQuotaExceededException.
    :param open_jobs_by_kind: the same by job kind, where it is not ``open_jobs``.
    :param requests_per_second: by operation; one call too many is ThrottlingException. AWS publishes no
        figures, so none is limited until it is named here.
    :param token_memory: seconds for which a client token is remembered after its job has ended; None is for
        ever, 0 forgets it at once. AWS does not say.
    :param fixtures: what is to be found in a document, by key glob or sha256 of the body.
    :param extractor: a function of a read document and a blueprint, asked after the fixtures.
    :param failed_segments: segments of an embedding invoke that fail although it completes: their number by a
        glob on the input's S3 URI.
    :param optimization_metrics: what a blueprint optimization says of itself instead of what it measured:
        ``{"before": {"exactMatch": 0.5, ...}, "after": {...}}``.
    :param data_sources: S3 URI by data source id, which is what a knowledge base ingestion reads. Without any,
        every id is taken and has no documents.
    :param ended_services: boto3's names of services that AWS has ended: nothing answers for them.
    :param worker_threads: threads in which documents are read.
    :param seed: of everything drawn at random.
    :param calls_kept: how many received calls are remembered.
    """

    region: str = "us-east-1"
    account: str | None = None
    duration: Duration = 1.0
    durations: dict[str, Duration] = field(default_factory=lambda: {"project": 0.0})
    concurrent_jobs: dict[str, int] = field(default_factory=lambda: dict(CONCURRENT_JOBS))
    open_jobs: int = OPEN_JOBS
    open_jobs_by_kind: dict[str, int] = field(default_factory=lambda: dict(OPEN_JOBS_BY_KIND))
    requests_per_second: dict[str, float] = field(default_factory=dict)
    token_memory: float | None = None
    fixtures: Mapping[str, Any] = field(default_factory=dict)
    extractor: Callable[[Any, Any], Mapping[str, Any] | None] | None = None
    failed_segments: dict[str, int] = field(default_factory=dict)
    optimization_metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    data_sources: dict[str, str] = field(default_factory=dict)
    ended_services: frozenset[str] = frozenset()
    worker_threads: int = 2
    seed: int | None = None
    calls_kept: int = 100_000

    def seconds_for(self, job: Job, random: Random) -> float:
        """Draw how long a job runs."""
        duration = self.durations.get(job.kind.name, self.duration)
        if callable(duration):
            return max(0.0, float(duration(job)))
        if isinstance(duration, tuple | list):
            return random.uniform(*duration)
        return max(0.0, duration)

    def room_for(self, kind: str) -> int:
        """Answer how many jobs of a kind may be open."""
        return self.open_jobs_by_kind.get(kind, self.open_jobs)

    def update(self, values: Mapping[str, Any]) -> None:
        """Change settings by name, from decoded JSON.

        :raises ValueError: a name or value that cannot be set this way, and what can.
        """
        if unknown := sorted(set(values) - set(_OVER_THE_WIRE)):
            raise ValueError(f"cannot set {', '.join(unknown)}; what can be set: {', '.join(_OVER_THE_WIRE)}")
        for name, value in values.items():
            setattr(self, name, _checked(name, value, getattr(self, name)))

    def as_json(self) -> dict[str, Any]:
        """Answer the settings as JSON; functions by their name."""
        shown = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: _shown(value) for name, value in shown.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return {key: _shown(item) for key, item in value.items()}
    return getattr(value, "__name__", repr(value)) if callable(value) else value


_NO_NUMBERS = frozenset({"fixtures", "optimization_metrics", "data_sources"})


def _checked(name: str, value: Any, old: Any) -> Any:
    match name:
        case "duration":
            pair = isinstance(value, list) and len(value) == 2 and all(map(_is_seconds, value))
            if not (_is_seconds(value) or (pair and value[0] <= value[1])):
                raise ValueError(f"duration is {value!r}; it must be seconds or [lowest, highest]")
            return tuple(value) if pair else float(value)
        case "token_memory":
            if not (value is None or _is_seconds(value)):
                raise ValueError(f"token_memory is {value!r}; it must be seconds, or null for ever")
        case "open_jobs":
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"open_jobs is {value!r}; it must be a whole number")
        case "ended_services":
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                raise ValueError(f"ended_services is {value!r}; it must be a list of service names")
            return frozenset(value)
        case _:
            numbers = name not in _NO_NUMBERS
            if not isinstance(value, dict) or (numbers and not all(map(_is_seconds, value.values()))):
                raise ValueError(
                    f"{name} must be an object{' of numbers' if numbers else ''}; it is {value!r}"
                )
            return {**old, **value}
    return value


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
