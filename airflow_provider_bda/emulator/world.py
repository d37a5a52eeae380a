"""Everything one emulator knows, in one place, so that services share it and a reset is complete."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.calls import CallLog
from airflow_provider_bda.emulator.faults import Faults
from airflow_provider_bda.emulator.runner import JobRunner
from airflow_provider_bda.emulator.throttle import Throttle
from airflow_provider_bda.emulator.tokens import TokenMemory

if TYPE_CHECKING:
    from airflow_provider_bda.emulator.backing import Moto
    from airflow_provider_bda.emulator.clock import Clock
    from airflow_provider_bda.emulator.runner import Job
    from airflow_provider_bda.emulator.settings import Settings


class World:
    """The state of one emulator.

    :param settings: its settings, shared and changeable.
    :param clock: its time.
    :param moto: its share of moto.
    """

    def __init__(self, settings: Settings, clock: Clock, moto: Moto) -> None:
        self.settings = settings
        self.clock = clock
        self.moto = moto
        self.calls = CallLog(settings.calls_kept)
        self.faults = Faults()
        self.throttle = Throttle(clock)
        self.runner = JobRunner(settings, clock)
        #: Held while resources are read and changed; reentrant, since handlers call each other.
        self.lock = threading.RLock()
        self.tokens = TokenMemory(settings, clock, self.lock)
        #: By ARN, then by stage ("LIVE", "DEVELOPMENT") or version ("1", "2").
        self.projects: dict[str, dict[str, dict[str, Any]]] = {}
        self.blueprints: dict[str, dict[str, dict[str, Any]]] = {}
        #: By project ARN and stage: the job that stands for its last change, if that took time.
        self.changes: dict[tuple[str, str], Job] = {}
        #: By ARN; filled and read by the library operations.
        self.libraries: dict[str, Any] = {}
        #: By (knowledge base, data source): the ETags of the objects last ingested, by key.
        self.ingested: dict[tuple[str, str], dict[str, str]] = {}
        #: By ARN of anything that can be tagged.
        self.tags: dict[str, dict[str, str]] = {}

    def reset(self) -> None:
        """Forget jobs, resources, tokens, faults, calls and everything moto holds; settings stay."""
        with self.lock:
            self.runner.reset()
            self.projects.clear()
            self.blueprints.clear()
            self.changes.clear()
            self.libraries.clear()
            self.ingested.clear()
            self.tags.clear()
            self.tokens.clear()
            self.throttle.clear()
            self.faults.clear()
            self.calls.clear()
            self.moto.reset()

    def close(self) -> None:
        """Stop the threads and let go of everything."""
        self.runner.close()
        self.moto.close()
