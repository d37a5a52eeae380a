"""How many status calls a second: a token bucket whose rate halves on throttling and grows back slowly.

No rate is published for the status operations, so it is found: additive increase, multiplicative decrease.
"""

from __future__ import annotations

import asyncio

#: Calls a second to begin with, and never passed. One loop on one core does not reach it.
CEILING = 500.0
FLOOR = 0.5
#: Calls a second gained per second without throttling, once it has been throttled.
GROWTH = 2.0
#: Throttled answers of calls already under way when the rate was cut say nothing about the new rate.
QUIET = 1.0


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

    async def acquire(self) -> None:
        """Wait until one more call may go out."""
        loop = asyncio.get_running_loop()
        self._refill(loop.time())
        self._tokens -= 1.0
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self.rate)

    def on_throttled(self) -> None:
        """Halve the rate, at most once in a while."""
        now = asyncio.get_running_loop().time()
        self._refill(now)
        if now - self._cut >= QUIET:
            self.rate = max(self.rate / 2, FLOOR)
            self._tokens = min(self._tokens, 0.0)
            self._cut = now

    def _refill(self, now: float) -> None:
        if self._seen is not None:
            elapsed = now - self._seen
            if now - self._cut > QUIET:
                self.rate = min(self.rate + GROWTH * elapsed, self._ceiling)
            # A tenth of a second's worth may go at once; more would be a burst.
            self._tokens = min(self._tokens + elapsed * self.rate, max(self.rate / 10, 1.0))
        self._seen = now
