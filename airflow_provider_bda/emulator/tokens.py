"""Idempotency: the same token with the same parameters gets the answer it got before.

How long AWS remembers a token is not published, so the time is a setting. That a token used again with
other parameters is refused with ValidationException is a guess, in the manner of AWS's other services.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.messages import ServiceError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Hashable, Mapping

    from airflow_provider_bda.emulator.clock import Clock
    from airflow_provider_bda.emulator.settings import Settings


@dataclass(frozen=True, slots=True)
class _Kept:
    parameters: Mapping[str, Any]
    answer: Mapping[str, Any]
    #: When the job the token stands for ended; None while it goes on.
    ended: Callable[[], float | None]


class TokenMemory:
    """The tokens one emulator remembers.

    :param lock: held while the action that a token guards runs, so that two equal calls make one job. It
        must be reentrant, and the one its owner guards resources with: a second one could deadlock.
    """

    def __init__(self, settings: Settings, clock: Clock, lock: threading.RLock) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = lock
        self._kept: dict[Hashable, _Kept] = {}

    def once(
        self,
        key: Hashable,
        parameters: Mapping[str, Any],
        action: Callable[[], tuple[Mapping[str, Any], Callable[[], float | None]]],
        *,
        conflict: str = "ValidationException",
    ) -> Mapping[str, Any]:
        """Do something once per token.

        :param key: what the token is unique within, and the token as its last part; no token is no memory.
        :param parameters: of the call, without the token.
        :param action: what is done the first time: its answer, and how to ask when the job it started ended.
        :param conflict: the error for the token with other parameters.
        :raises ServiceError: the token was used with other parameters.
        """
        if not isinstance(key, tuple) or not key[-1]:
            return action()[0]
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and not self._forgotten(kept):
                if kept.parameters != parameters:
                    raise ServiceError(conflict, "The client token was already used with other parameters.")
                return kept.answer
            answer, ended = action()
            self._kept[key] = _Kept(dict(parameters), answer, ended)
            return answer

    def _forgotten(self, kept: _Kept) -> bool:
        memory = self._settings.token_memory
        ended = kept.ended()
        return memory is not None and ended is not None and self._clock.now() >= ended + memory

    def clear(self) -> None:
        """Forget every token."""
        with self._lock:
            self._kept.clear()
