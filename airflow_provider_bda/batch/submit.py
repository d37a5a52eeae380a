"""Submits one document's job, however long the service pushes back, and says what a refusal means."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_bda.batch.policy import SAME_REFUSALS
from airflow_provider_bda.jobs.decision import PERMANENT_MUST_PERSIST, STALE_CREDENTIALS, Nature
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error
from airflow_provider_bda.waiting.rate import AdaptiveRate

if TYPE_CHECKING:
    from airflow_provider_bda.batch.budget import Budget
    from airflow_provider_bda.jobs.decision import CallError
    from airflow_provider_bda.jobs.event import JobEvent

QUOTA = frozenset({"ServiceQuotaExceededException"})
#: Refusals that concern this one document's request.
OF_THE_DOCUMENT = frozenset({"ValidationException", "ParamValidationError"})
#: Submits a second to begin with, and never passed where nothing else is said.
SUBMIT_RATE = 50.0
LONGEST_PAUSE = 30.0


class Service(Protocol):
    """What submits and waits; see :class:`~airflow_provider_bda.batch.service.BdaService`."""

    async def submit(self, request: dict[str, Any]) -> str:
        """Start a job and answer its ARN."""

    async def wait(self, arn: str, *, deadline: float, interval: float) -> JobEvent:
        """Wait for a job's end."""

    async def custom_output_status(self, metadata_uri: str) -> list[str]:
        """Answer each segment's match of a blueprint."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The service took it."""

    arn: str
    at: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The service did not take it, for a reason of the document's own."""

    error_type: str
    words: str


class BatchRefused(Exception):
    """The service takes nothing of this batch, for a reason that concerns no document."""


class Submitter:
    """Submits for one batch.

    :param service: the service.
    :param rate: submits a second never passed.
    """

    def __init__(self, service: Service, rate: float | None = None) -> None:
        ceiling = rate or SUBMIT_RATE
        self.rate = AdaptiveRate(ceiling, ceiling)
        self.throttled = 0
        self._service = service
        self._accepted = False
        self._refusals: dict[str, int] = {}
        self._withdrawn_since: float | None = None

    async def submit(
        self, request: dict[str, Any], budget: Budget, deadline: float
    ) -> Submitted | Refused | None:
        """Submit until there is an answer; None where the deadline came first.

        :raises BatchRefused: the refusal concerns the whole batch.
        """
        pause = 1.0
        while True:
            await self.rate.acquire()
            if time.time() >= deadline:
                return None
            try:
                arn = await self._service.submit(request)
            except CALL_ERRORS as raised:
                error = call_error(raised)
            else:
                self._accepted, self._withdrawn_since = True, None
                return Submitted(arn, time.time())
            if error.nature is Nature.THROTTLED:
                self.throttled += 1
                self.rate.on_throttled()
                continue
            if error.code in QUOTA:
                self.throttled += 1
                budget.shrink()
            elif error.nature is not Nature.TRANSIENT and error.code not in STALE_CREDENTIALS:
                if error.code in OF_THE_DOCUMENT:
                    return self._refused(error)
                self._withdrawn(error)
            await asyncio.sleep(min(pause * random.uniform(0.5, 1.5), max(deadline - time.time(), 0)))  # noqa: S311 - jitter
            pause = min(pause * 2, LONGEST_PAUSE)

    def _refused(self, error: CallError) -> Refused:
        """Take a refusal for the document's, unless nothing but the same refusal ever came."""
        count = self._refusals[error.message] = self._refusals.get(error.message, 0) + 1
        if count >= SAME_REFUSALS and not self._accepted:
            raise BatchRefused(
                f"the service refused the first {count} documents in the same words: {error.code}: {error.message}"
            )
        return Refused(error.code, error.message)

    def _withdrawn(self, error: CallError) -> None:
        """Bear a refusal that concerns no document for a while, if submits were accepted before."""
        now = time.monotonic()
        if self._withdrawn_since is None:
            self._withdrawn_since = now
        if not self._accepted or now - self._withdrawn_since >= PERMANENT_MUST_PERSIST:
            raise BatchRefused(f"the service refused to take jobs: {error.code}: {error.message}")
