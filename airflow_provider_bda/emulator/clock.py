"""Time for the emulator: one thread and a heap, or a clock that a test moves by hand.

Job ends are entries in a heap, never a thread each: 10,000 open jobs cost 10,000 tuples.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


class Clock(Protocol):
    """What the emulator asks of time."""

    def now(self) -> float:
        """Answer the time, in seconds since the epoch."""

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        """Call back once, not before ``when``."""

    def on_settle(self, hook: Callable[[], None]) -> Callable[[], None]:
        """Call ``hook`` before time is moved by hand; answer what takes the hook away again."""

    def catch_up(self, timeout: float) -> bool:
        """Wait until nothing that has fallen due is left to be called; answer whether that is so."""

    def close(self) -> None:
        """Stop calling back."""


class SystemClock:
    """The machine's time and one thread that calls back."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._calling = False
        self._thread: threading.Thread | None = None

    def now(self) -> float:
        """Answer the time, in seconds since the epoch."""
        return time.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        """Call back in the clock's thread, once ``when`` has come."""
        with self._changed:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="bda-emulator-clock", daemon=True)
                self._thread.start()
            heapq.heappush(self._heap, (when, next(self._order), callback))
            self._changed.notify_all()

    def on_settle(self, hook: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG002 - this time is never moved
        """Do nothing: nobody moves this clock by hand."""
        return lambda: None

    def catch_up(self, timeout: float) -> bool:
        """Wait until nothing that has fallen due is left to be called; answer whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._calling and not self._is_due(), timeout)

    def _is_due(self) -> bool:
        return bool(self._heap) and self._heap[0][0] <= self.now()

    def close(self) -> None:
        """Stop the thread; what is still due is dropped."""
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._calling = False
                self._changed.notify_all()
                while not self._closed and not self._is_due():
                    self._changed.wait(self._heap[0][0] - self.now() if self._heap else None)
                if self._closed:
                    return
                callback = heapq.heappop(self._heap)[2]
                self._calling = True
            _call(callback)


class ManualClock:
    """A clock that stands still until it is advanced: tests of hours take milliseconds.

    :param start: the time it shows first, in seconds since the epoch.
    """

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._now = start
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._lock = threading.RLock()
        self._hooks: list[Callable[[], None]] = []

    def now(self) -> float:
        """Answer the time shown."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        """Call back during the :meth:`advance` that reaches ``when``."""
        with self._lock:
            heapq.heappush(self._heap, (when, next(self._order), callback))

    def on_settle(self, hook: Callable[[], None]) -> Callable[[], None]:
        """Wait for the owner's running work before time moves."""
        self._hooks.append(hook)
        return lambda: self._hooks.remove(hook)

    def catch_up(self, timeout: float) -> bool:  # noqa: ARG002 - nothing happens here but in advance()
        """Answer that nothing is late: what falls due is called in :meth:`advance`."""
        return True

    def advance(self, seconds: float) -> None:
        """Move time on and run, in order and in this thread, everything that falls due.

        Work that the emulator has under way in its threads is waited for first, so that what is seen
        afterwards does not depend on the machine's speed.
        """
        end = self._now + seconds
        while True:
            for hook in list(self._hooks):
                hook()
            with self._lock:
                if not self._heap or self._heap[0][0] > end:
                    break
                when, _, callback = heapq.heappop(self._heap)
                self._now = max(self._now, when)
            _call(callback)
        self._now = end

    def close(self) -> None:
        """Forget what is still due."""
        with self._lock:
            self._heap.clear()


def _call(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception:
        # One job's fault must not stop the clock for all the others.
        log.exception("a callback of the emulator's clock failed")
