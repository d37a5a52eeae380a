"""How many status calls a second: a token bucket whose rate falls on throttling and grows back.

No rate is published for the status operations, so it is found: additive increase, multiplicative decrease. Where
the limit was met is remembered, as TCP's CUBIC does: the rate stays just below it for a while, then grows faster
and faster, for the limit may be gone.
"""

from __future__ import annotations

import asyncio

#: Calls a second to begin with, and never passed. One loop on one core does not reach it.
CEILING = 500.0
FLOOR = 0.5
#: The rate is the limit met last, and by this times the third power of the seconds past the moment it is met again
#: more of it: a tenth after 10 s, four times as much after half a minute.
CURVE = 1e-4
#: Throttled answers of calls already under way when the rate was cut say nothing about the new rate.
QUIET = 1.0
#: What is left of the rate on throttling: half where the limit is unknown; most of it where it lies within a
#: quarter of the limit met last.
HALF, EASE, NEAR = 0.5, 0.85, 0.75


class AdaptiveRate:
    """A token bucket for one event loop.

    :param rate: calls a second to begin with.
    :param ceiling: calls a second never passed.
    """

    def __init__(self, rate: float = CEILING, ceiling: float = CEILING) -> None:
        self.rate = min(rate, ceiling)
        self._ceiling = ceiling
        self._tokens = 1.0
        self._seen: float | None = None
        self._cut = float("-inf")
        #: The rate at which the service throttled last, and the seconds from the cut until it is met again.
        self._limit: float | None = None
        self._regain = 0.0

    async def acquire(self) -> None:
        """Wait until one more call may go out."""
        loop = asyncio.get_running_loop()
        self._refill(loop.time())
        self._tokens -= 1.0
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self.rate)

    def give_back(self) -> None:
        """Return a call that was not made after all."""
        self._tokens += 1.0

    def on_throttled(self) -> None:
        """Slow down, at most once in a while: to half where the limit is unknown, a little where it is known."""
        now = asyncio.get_running_loop().time()
        self._refill(now)
        if now - self._cut < QUIET:
            return
        known = self._limit is not None and NEAR <= self.rate / self._limit <= 1 / NEAR
        self._limit = self.rate
        self.rate = max(self.rate * (EASE if known else HALF), min(FLOOR, self._ceiling))
        self._regain = (max(1.0 - self.rate / self._limit, 0.0) / CURVE) ** (1 / 3)
        self._tokens = min(self._tokens, 0.0)
        self._cut = now

    def _refill(self, now: float) -> None:
        if self._seen is not None:
            since = now - self._cut - QUIET
            if self._limit is not None and since > 0:
                curve = self._limit * (1.0 + CURVE * (since - self._regain) ** 3)
                self.rate = min(max(self.rate, curve), self._ceiling)
            # A tenth of a second's worth may go at once; more would be a burst.
            self._tokens = min(self._tokens + (now - self._seen) * self.rate, max(self.rate / 10, 1.0))
        self._seen = now
