"""The calls an emulator has received, so that a test can say what must have been asked."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True, eq=False, kw_only=True)
class Call:
    """One call.

    :param service: boto3's name of the service where we speak for it, the signing name where moto does.
    :param operation: the operation; for S3, which has no name on the wire, the HTTP method.
    :param parameters: as parsed and validated; empty when they were refused.
    :param error: the error code answered, None for success. ``ConnectionReset`` and ``AnswerLost`` are the
        faults of those kinds.
    """

    service: str
    operation: str
    account: str
    region: str
    access_key_id: str | None
    time: float
    parameters: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Answer the call as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


class CallLog:
    """The last calls, oldest first.

    :param kept: how many are remembered.
    """

    def __init__(self, kept: int) -> None:
        self._calls: deque[Call] = deque(maxlen=kept)

    def add(self, call: Call) -> None:
        """Remember a call."""
        self._calls.append(call)

    def of(self, operation: str | None = None) -> list[Call]:
        """Answer the calls of one operation, or all."""
        calls: Iterable[Call] = self._calls.copy()
        return [call for call in calls if operation in (None, call.operation)]

    def clear(self) -> None:
        """Forget every call."""
        self._calls.clear()
