"""Request rates: one token bucket per account, region and operation that has a rate set."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from airflow_provider_bda.emulator.messages import ServiceError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from airflow_provider_bda.emulator.clock import Clock


class Throttle:
    """Lets a set number of calls through a second.

    :param clock: whose seconds count.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def take(self, key: Hashable, rate: float) -> None:
        """Take one call's token.

        :param rate: calls a second; a burst of one second's worth is let through, at least one call.
        :raises ServiceError: ThrottlingException, when none is left.
        """
        with self._lock:
            now = self._clock.now()
            room = max(1.0, rate)
            left, seen = self._buckets.get(key, (room, now))
            left = min(room, left + (now - seen) * rate)
            allowed = left >= 1.0
            self._buckets[key] = (left - 1.0 if allowed else left, now)
        if not allowed:
            raise ServiceError("ThrottlingException", "Rate exceeded")

    def clear(self) -> None:
        """Fill every bucket again."""
        with self._lock:
            self._buckets.clear()
