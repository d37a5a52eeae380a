"""How many jobs may be open: one budget per target and modality in a process, shared by its batches.

No rate or room is told by the service, so both are found: the limit shrinks when the service says that too many
jobs are open, and grows back slowly. The window is about twice the jobs the service runs at once: its slots stay
full, and a single document of somebody else's does not wait behind thousands.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from airflow_provider_bda.aws import AwsTarget

SHRINK = 0.7
#: Jobs that must end well before the limit grows by one.
GROWTH = 10


class Budget:
    """Room for open jobs, shared by its members: whoever holds least is served first.

    :param limit: jobs that may be open at once.
    """

    def __init__(self, limit: int) -> None:
        self._limits: dict[object, int] = {}
        self._limit = float(limit)
        self._held: dict[object, int] = {}
        self._waiting: dict[object, deque[asyncio.Future[None]]] = {}
        self._good = 0
        self._shrunk_at = float("-inf")

    @property
    def limit(self) -> int:
        """Jobs that may be open at once now."""
        return max(int(min(self._limit, max(self._limits.values(), default=1))), 1)

    def join(self, member: object, limit: int) -> None:
        """Take part.

        :param limit: what this member alone may hold open.
        """
        if not self._limits:
            self._limit = float(limit)
        self._limits[member] = limit
        self._limit = max(self._limit, float(limit)) if self._shrunk_at == float("-inf") else self._limit
        self._held.setdefault(member, 0)

    def leave(self, member: object) -> None:
        """Take part no more; what it holds is free."""
        self._limits.pop(member, None)
        self._held.pop(member, None)
        self._waiting.pop(member, None)
        self._serve()

    async def acquire(self, member: object) -> None:
        """Wait for room for one job."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(member, deque()).append(turn)
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(member)
            raise

    def release(self, member: object, *, good: bool = False) -> None:
        """Give the room of one job back.

        :param good: whether the job ended as it should: the limit may grow again.
        """
        if member in self._held:
            self._held[member] -= 1
        if good:
            self._good += 1
            if self._good >= GROWTH:
                self._good = 0
                self._limit = min(self._limit + 1, float(max(self._limits.values(), default=1)))
        self._serve()

    def shrink(self) -> None:
        """Note that the service has too many open jobs; at most once in ten seconds."""
        now = asyncio.get_running_loop().time()
        if now - self._shrunk_at >= 10.0:
            self._shrunk_at = now
            self._limit = max(min(self._limit, sum(self._held.values())) * SHRINK, 1.0)
            self._good = 0

    def _serve(self) -> None:
        while sum(self._held.values()) < self.limit:
            ready = [
                member
                for member, turns in self._waiting.items()
                if any(not turn.done() for turn in turns)
                and self._held.get(member, 0) < self._limits.get(member, 0)
            ]
            if not ready:
                return
            member = min(ready, key=lambda one: self._held[one] / self._limits[one])
            turns = self._waiting[member]
            while turns:
                turn = turns.popleft()
                if not turn.done():
                    self._held[member] += 1
                    turn.set_result(None)
                    break


_BUDGETS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[AwsTarget, str], Budget]] = (
    WeakKeyDictionary()
)


def budget_for(target: AwsTarget, modality: str, limit: int) -> Budget:
    """Answer the running loop's budget for a target and modality."""
    budgets = _BUDGETS.setdefault(asyncio.get_running_loop(), {})
    return budgets.setdefault((target, modality), Budget(limit))
