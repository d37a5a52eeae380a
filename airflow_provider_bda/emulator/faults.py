"""Faults on demand: rules that make one call or one job go wrong in a way AWS or a network can.

A rule counts its own matches and draws from its own seed, so a run can be repeated exactly.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, fields
from fnmatch import fnmatchcase
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule.

    :param operation: glob on the operation's name, e.g. ``Get*``. What moto serves is named with its
        service: ``s3:PUT`` (S3 by HTTP method), ``sts:GetCallerIdentity``, ``events:PutRule``.
    :param input_uri: glob on the input's S3 URI: of the request, or of the job a request asks for.
    :param error: answer this error code instead, without any effect.
    :param message: the words of the error, or of the job's end.
    :param status: the HTTP status of the error; None takes the model's.
    :param reset: close the connection without an answer and without any effect.
    :param lose_answer: let the call have its effect, then close the connection without an answer.
    :param latency: seconds before the answer, or a range to draw from.
    :param answer: members to set in the answer of a call that succeeds, at any depth; null takes one away. This
        is how a status goes missing, is one that nobody knows, or goes backwards.
    :param job_status: end the job with this status, e.g. ``ServiceError``; no output is written.
    :param error_type: the ``errorType`` of a job ended so.
    :param times: how often the rule acts; None is always.
    :param after: how many matches it lets pass first.
    :param probability: how likely it acts on a match.
    :param seed: of that likelihood, and of a latency drawn from a range.
    """

    operation: str = "*"
    input_uri: str = "*"
    error: str | None = None
    message: str = "asked for by a fault rule of the emulator"
    status: int | None = None
    reset: bool = False
    lose_answer: bool = False
    latency: float | tuple[float, float] | None = None
    answer: Mapping[str, Any] | None = None
    job_status: str | None = None
    error_type: str | None = None
    times: int | None = None
    after: int = 0
    probability: float = 1.0
    seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that does nothing or that cannot be kept."""
        on_call = (self.error, self.reset, self.lose_answer, self.latency, self.answer)
        acts = any(on_call)
        if not acts and self.job_status is None:
            raise ValueError(
                "this fault does nothing: give error, reset, lose_answer, latency, answer or job_status"
            )
        if acts and self.job_status is not None:
            raise ValueError("job_status is about a job, the rest about a call: make two rules of it")
        if not 0.0 <= self.probability <= 1.0:
            raise ValueError(f"probability is {self.probability}; it must be between 0 and 1")
        if isinstance(self.latency, list):
            object.__setattr__(self, "latency", tuple(self.latency))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Fault:
        """Build a rule from decoded JSON.

        :raises ValueError: a member no rule has, or a rule that does nothing.
        """
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(value) - known):
            raise ValueError(f"a fault has no {', '.join(unknown)}; it has {', '.join(sorted(known))}")
        return cls(**value)


class _Rule:
    """A fault and its counts."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.matched = 0
        self.acted = 0
        self.random = Random(fault.seed)  # noqa: S311 - to be repeatable, not to be secret

    def acts(self) -> bool:
        """Count a match and say whether the rule acts on it."""
        self.matched += 1
        if self.matched <= self.fault.after:
            return False
        if self.fault.times is not None and self.acted >= self.fault.times:
            return False
        if self.fault.probability < 1.0 and self.random.random() >= self.fault.probability:
            return False
        self.acted += 1
        return True


@dataclass(frozen=True, slots=True)
class Effect:
    """What the rules make of one call."""

    error: Fault | None = None
    reset: bool = False
    lose_answer: bool = False
    delay: float = 0.0
    answer: Mapping[str, Any] | None = None


class Faults:
    """The rules of one emulator."""

    def __init__(self) -> None:
        self._rules: list[_Rule] = []
        self._lock = threading.RLock()

    def add(self, fault: Fault) -> None:
        """Put a rule behind the others."""
        with self._lock:
            self._rules.append(_Rule(fault))

    def clear(self) -> None:
        """Take every rule away."""
        with self._lock:
            self._rules.clear()

    def for_call(self, operation: str, input_uri: str) -> Effect:
        """Answer what happens to a call; rules for it are counted."""
        if not self._rules:
            return Effect()
        with self._lock:
            acting = [
                rule
                for rule in self._rules
                if rule.fault.job_status is None
                and _matches(rule.fault, operation, input_uri)
                and rule.acts()
            ]
            answers = [rule.fault.answer for rule in acting if rule.fault.answer]
            return Effect(
                error=next((rule.fault for rule in acting if rule.fault.error), None),
                reset=any(rule.fault.reset for rule in acting),
                lose_answer=any(rule.fault.lose_answer for rule in acting),
                delay=sum(_seconds(rule) for rule in acting),
                answer={key: value for item in answers for key, value in item.items()} or None,
            )

    def for_job(self, operation: str, input_uri: str) -> Fault | None:
        """Answer the rule that decides how a job ends, if there is one."""
        with self._lock:
            for rule in self._rules:
                if rule.fault.job_status and _matches(rule.fault, operation, input_uri) and rule.acts():
                    return rule.fault
        return None

    def as_json(self) -> list[dict[str, Any]]:
        """Answer the rules with their counts."""
        with self._lock:
            return [
                {**asdict(rule.fault), "matched": rule.matched, "acted": rule.acted} for rule in self._rules
            ]


def bent(answer: Any, over: Any) -> Any:
    """Lay what a rule sets over an answer: objects member by member, anything else in place of what was there."""
    if isinstance(answer, dict) and isinstance(over, dict):
        return {**answer, **{name: bent(answer.get(name), value) for name, value in over.items()}}
    return over


def _matches(fault: Fault, operation: str, input_uri: str) -> bool:
    return fnmatchcase(operation, fault.operation) and fnmatchcase(input_uri, fault.input_uri)


def _seconds(rule: _Rule) -> float:
    latency = rule.fault.latency
    if isinstance(latency, tuple):
        return rule.random.uniform(*latency)
    return latency or 0.0
