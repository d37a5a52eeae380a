"""Values that are kept for a while, for all threads of the api-server."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

#: Seconds nobody asks again for what could not be read: a page asks every three.
FAILURE_TTL = 2.0


class Kept:
    """The newest values by key, up to a weight and an age. What is asked for twice at once is made once.

    :param weight: in all; the oldest go first.
    :param failures: exceptions that are kept for a moment in the place of a value.
    """

    def __init__(self, weight: int, failures: tuple[type[Exception], ...] = ()) -> None:
        self._weight = weight
        self._failures = failures
        self._total = 0
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[float, int, Any]] = OrderedDict()
        self._turns: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], tuple[Any, int]], ttl: float) -> Any:
        """Answer what is kept, or make it: ``make`` answers the value and its weight.

        :raises Exception: as ``make`` does; one of ``failures`` also for a moment after it did.
        """
        with self._lock:
            if (found := self._fresh(key)) is not None:
                return _told(found[2])
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if (found := self._fresh(key)) is not None:
                    return _told(found[2])
            try:
                value, weight = make()
            except self._failures as error:
                value, weight, ttl = _Failure(error), 1, min(ttl, FAILURE_TTL)
            finally:
                with self._lock:
                    self._turns.pop(key, None)
            with self._lock:
                self._keep(key, (time.monotonic() + ttl, weight, value))
        return _told(value)

    def last(self, key: Hashable) -> tuple[float, Any] | None:
        """Answer what was kept last, however old, and until when it counts; None where there is nothing."""
        with self._lock:
            found = self._values.get(key)
        return None if found is None or isinstance(found[2], _Failure) else (found[0], found[2])

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._total = 0

    def _fresh(self, key: Hashable) -> tuple[float, int, Any] | None:
        found = self._values.get(key)
        if found is None or found[0] <= time.monotonic():
            return None
        self._values.move_to_end(key)
        return found

    def _keep(self, key: Hashable, entry: tuple[float, int, Any]) -> None:
        self._drop(key)
        if entry[1] <= self._weight:
            self._values[key] = entry
            self._total += entry[1]
        while self._total > self._weight:
            self._drop(next(iter(self._values)))

    def _drop(self, key: Hashable) -> None:
        if key in self._values:
            self._total -= self._values.pop(key)[1]


@dataclass(frozen=True, slots=True)
class _Failure:
    """What was raised instead of a value."""

    error: Exception


def _told(value: Any) -> Any:
    if isinstance(value, _Failure):
        raise value.error.with_traceback(None)
    return value
