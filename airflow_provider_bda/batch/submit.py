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
    from collections.abc import Callable

    from airflow_provider_bda.batch.budget import Budget
    from airflow_provider_bda.jobs.decision import CallError
    from airflow_provider_bda.jobs.event import JobEvent

QUOTA = frozenset({"ServiceQuotaExceededException"})
#: Refusals that concern this one document's request.
OF_THE_DOCUMENT = frozenset({"ValidationException", "ParamValidationError"})
#: Submits a second to begin with, and never passed where nothing else is said.
SUBMIT_RATE = 50.0
LONGEST_PAUSE = 30.0
#: Refusals of one document, while others are taken, after which they are its own.
OWN_REFUSALS = 3


class Service(Protocol):
    """What submits and waits; see :class:`~airflow_provider_bda.batch.service.BdaService`."""

    async def submit(self, request: dict[str, Any]) -> str:
        """Start a job and answer its ARN."""

    async def wait(self, arn: str, *, deadline: float, interval: float) -> JobEvent:
        """Wait for a job's end."""

    async def custom_output_status(self, metadata_uri: str) -> list[str]:
        """Answer each segment's match of a blueprint."""

    async def project_state(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer the state of a request's project and blueprints."""


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
        self._service = service
        #: When a submit was accepted last, by this engine or, as its ledger says, by an earlier one.
        self.accepted_at: float | None = None
        self._refusals: dict[str, int] = {}
        self._withdrawn_since: float | None = None

    async def submit(
        self,
        request: dict[str, Any],
        budget: Budget,
        deadline: float,
        is_over: Callable[[], bool] = lambda: False,
        on_lost: Callable[[], None] = lambda: None,
    ) -> Submitted | Refused | None:
        """Submit until there is an answer; None where the deadline came first, or nothing more is to be submitted.

        :param is_over: tells whether nothing more is to be submitted.
        :param on_lost: called where an answer was lost: the job may be there.
        :raises BatchRefused: the refusal concerns the whole batch.
        """
        pause, began, refusals = 1.0, time.monotonic(), 0
        while True:
            await self.rate.acquire()
            if time.time() >= deadline or is_over():
                return None
            try:
                arn = await self._service.submit(request)
            except CALL_ERRORS as raised:
                error = call_error(raised)
            else:
                self.accepted_at, self._withdrawn_since = time.monotonic(), None
                return Submitted(arn, time.time())
            if error.nature is Nature.THROTTLED:
                self.rate.on_throttled()
                continue
            if error.code in QUOTA:
                budget.shrink()
            elif error.nature is Nature.TRANSIENT or error.code in STALE_CREDENTIALS:
                on_lost()
            else:
                if error.code in OF_THE_DOCUMENT:
                    return self._refused(error)
                refusals += 1
                if refusals > OWN_REFUSALS and (self.accepted_at or 0.0) > began:
                    return Refused(error.code, error.message)  # others were taken meanwhile: it is its own
                self._withdrawn(error)
            await asyncio.sleep(min(pause * random.uniform(0.5, 1.5), max(deadline - time.time(), 0)))  # noqa: S311 - jitter
            pause = min(pause * 2, LONGEST_PAUSE)

    def _refused(self, error: CallError) -> Refused:
        """Take a refusal for the document's, unless nothing but the same refusal ever came."""
        if self.accepted_at is not None:
            return Refused(error.code, error.message)
        count = self._refusals[error.message] = self._refusals.get(error.message, 0) + 1
        if count >= SAME_REFUSALS:
            raise BatchRefused(
                f"the service refused the first {count} documents in the same words: {error.code}: {error.message}"
            )
        return Refused(error.code, error.message)

    def _withdrawn(self, error: CallError) -> None:
        """Bear a refusal that concerns no document for a while, if submits were accepted before."""
        now = time.monotonic()
        if self._withdrawn_since is None:
            self._withdrawn_since = now
        if self.accepted_at is None or now - self._withdrawn_since >= PERMANENT_MUST_PERSIST:
            raise BatchRefused(f"the service refused to take jobs: {error.code}: {error.message}")
