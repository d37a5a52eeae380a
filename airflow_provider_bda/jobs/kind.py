"""What a job kind is: one frozen declaration from which everything else derives.

Pure: no Airflow, no boto, no clock, no I/O. A wrong declaration fails when it is constructed,
which is when the package is imported, not in a triggerer at night.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str, ...]


class Outcome(StrEnum):
    """How a wait ended. Only the first is success; nothing unknown ever maps to it."""

    SUCCEEDED = "succeeded"
    #: The job ended, some of its items failed.
    PARTIAL = "partial"
    #: The service blames the request: the same request fails again.
    REJECTED = "rejected"
    #: The service blames itself: a new job may succeed.
    BROKEN = "broken"
    #: Our deadline passed; the job goes on.
    TIMEOUT = "timeout"
    #: The status could not be read; the job's fate is unknown.
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """One kind of asynchronous job of an AWS service.

    :param name: persisted in triggers, XComs and ledgers; never renamed.
    :param title: what messages call a job of this kind.
    :param service: boto3's name of the client.
    :param start: the operation that starts a job.
    :param describe: the operation that answers a job's status.
    :param handle: the input members of ``describe`` that name one job.
    :param started_at: where in the answer of ``start`` the handle's fields lie. A field that is
        not there is taken from the request.
    :param status_at: where in the answer of ``describe`` the status is.
    :param error_type_at: where the service's own error type is; empty if it has none.
    :param error_message_at: where the service's own words are; empty if it has none.
    :param pending: statuses of a job that goes on.
    :param succeeded: statuses of success.
    :param partial: statuses of a job that ended with some items failed.
    :param rejected: statuses by which the service blames the request.
    :param broken: statuses by which the service blames itself.
    :param gone_is_success: whether "not found" means done (a deletion).
    :param token: the idempotency member of ``start``; None if it has none.
    :param result: what an operator returns of a job beside kind, handle and status: pairs of a name and
        where the value is in the answer of ``describe`` or the handle.
    :param poll_interval: default seconds between two status calls for one job.
    :param list_operation: the operation that answers many jobs in one call, if there is one.
    :param listed_at: where in its answer the rows are. A row has the last member of ``status_at``, and of the
        handle the members that its request does not already name.
    :param stop_operation: the operation that stops a job, if there is one.
    :param also_started_by: further operations that start a job of this kind, answering as ``start`` does.
    :param flaws_at: where an answer counts or lists the items that failed although its status is success: a
        number above 0, or a list that is not empty, makes the outcome partial.
    """

    name: str
    title: str
    service: str
    start: str
    describe: str
    handle: Path
    status_at: Path
    pending: frozenset[str]
    started_at: Path = ()
    error_type_at: Path = ()
    error_message_at: Path = ()
    succeeded: frozenset[str] = frozenset()
    partial: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    gone_is_success: bool = False
    token: str | None = None
    result: tuple[tuple[str, Path], ...] = ()
    poll_interval: float = 15.0
    list_operation: str | None = None
    listed_at: Path = ()
    stop_operation: str | None = None
    also_started_by: tuple[str, ...] = ()
    flaws_at: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a declaration that cannot work."""
        if not re.fullmatch(r"[a-z][a-z_]*", self.name):
            raise ValueError(f"job kind {self.name!r}: a name is lower case with underscores")
        if not self.handle or not self.status_at or not self.pending:
            raise ValueError(f"job kind {self.name}: handle, status_at and pending must not be empty")
        if not self.succeeded and not self.gone_is_success:
            raise ValueError(f"job kind {self.name}: it could never succeed")
        if self.poll_interval <= 0:
            raise ValueError(f"job kind {self.name}: poll_interval must be above 0 seconds")
        if bool(self.list_operation) != bool(self.listed_at):
            raise ValueError(f"job kind {self.name}: list_operation and listed_at go together")
        for left, right in combinations(self.status_sets(), 2):
            if twice := left & right:
                raise ValueError(f"job kind {self.name}: {sorted(twice)} stand in two sets of statuses")

    def status_sets(self) -> tuple[frozenset[str], ...]:
        """Answer the five disjoint sets, pending first."""
        return (self.pending, self.succeeded, self.partial, self.rejected, self.broken)

    @property
    def statuses(self) -> frozenset[str]:
        """Every status this kind knows."""
        return frozenset().union(*self.status_sets())

    def outcome(self, status: str | None) -> Outcome | None:
        """Answer the outcome a status stands for; None while pending, missing or unknown."""
        if status in self.succeeded:
            return Outcome.SUCCEEDED
        if status in self.partial:
            return Outcome.PARTIAL
        if status in self.rejected:
            return Outcome.REJECTED
        if status in self.broken:
            return Outcome.BROKEN
        return None

    def outcome_of(self, answer: Mapping[str, Any]) -> Outcome | None:
        """Answer the outcome a whole answer stands for: a success in which items failed is partial."""
        outcome = self.outcome(self.status(answer))
        if outcome is Outcome.SUCCEEDED and any(dig(answer, path) for path in self.flaws_at):
            return Outcome.PARTIAL
        return outcome

    def status(self, answer: Mapping[str, Any]) -> str | None:
        """Read the status from an answer of ``describe``; None if it is not there."""
        found = dig(answer, self.status_at)
        return found if isinstance(found, str) else None

    def error(self, answer: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """Read the service's error type and words from an answer of ``describe``."""
        kind = dig(answer, self.error_type_at) if self.error_type_at else None
        words = dig(answer, self.error_message_at) if self.error_message_at else None
        if isinstance(words, list):
            words = "; ".join(str(word) for word in words)
        return (str(kind) if kind else None, str(words) if words else None)

    def handle_of(self, request: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, str]:
        """Build the handle of a job from the request and the answer of ``start``.

        :raises ValueError: a field is in neither, so the job could not be found again.
        """
        started = dig(answer, self.started_at)
        merged = {**request, **(started if isinstance(started, dict) else {})}
        missing = [field for field in self.handle if not merged.get(field)]
        if missing:
            raise ValueError(f"the answer of {self.start} lacks {', '.join(missing)}")
        return {field: str(merged[field]) for field in self.handle}

    def describe_handle(self, handle: Mapping[str, str]) -> str:
        """Name one job in a message: its handle, as short as it stays unambiguous."""
        return ", ".join(str(handle.get(field)) for field in self.handle)


def dig(value: Any, path: Path) -> Any:
    """Follow ``path`` into nested mappings; None where it ends early."""
    for step in path:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


@cache
def method_name(operation: str) -> str:
    """Turn an operation's name into boto3's method name, as botocore does."""
    partial = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", operation)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", partial).lower()
