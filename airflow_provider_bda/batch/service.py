"""The service as a batch's engine sees it: submit, wait, look at what was written."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch.project_state import read_state_async
from airflow_provider_bda.batch.store import S3Store, StoreError
from airflow_provider_bda.jobs.catalog import DATA_AUTOMATION
from airflow_provider_bda.jobs.decision import JobWait, Nature
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.jobs.kind import method_name
from airflow_provider_bda.results import JobMetadata, ResultsError
from airflow_provider_bda.results.plain import parse_object
from airflow_provider_bda.waiting import metrics
from airflow_provider_bda.waiting.client_pool import client_pool
from airflow_provider_bda.waiting.durations import traits_of
from airflow_provider_bda.waiting.errors import CALL_ERRORS, REFUSALS, call_error
from airflow_provider_bda.waiting.poller import CALL_TIMEOUT, follow

if TYPE_CHECKING:
    from airflow_provider_bda.aws import AwsTarget

KIND = DATA_AUTOMATION
CONTROL = "bedrock-data-automation"
#: A job_metadata.json larger than this is left to the worker.
METADATA_BYTES = 1_000_000


class BdaService:
    """Bedrock Data Automation through the process's shared clients and poller.

    :param target: which AWS, and as whom.
    :param store: the files on S3.
    :param listens: whether events tell when jobs end.
    """

    def __init__(self, target: AwsTarget, store: S3Store, *, listens: bool = False) -> None:
        self._target = target
        self._store = store
        self._listens = listens
        #: Of jobs submitted from here: when, and what tells how long they take.
        self._submitted: dict[str, tuple[float, tuple[str, ...]]] = {}

    async def submit(self, request: dict[str, Any]) -> str:
        """Start a job and answer its ARN (InvokeDataAutomationAsync).

        :raises botocore.exceptions.ClientError: the service refused; nothing was submitted.
        """
        pool = client_pool()
        for last in (False, True):
            async with asyncio.timeout(CALL_TIMEOUT):
                client = await pool.client(self._target, KIND.service)
                try:
                    answer = await getattr(client, method_name(KIND.start))(**request)
                    return self._note(str(answer["invocationArn"]), request)
                except CALL_ERRORS as raised:
                    if call_error(raised).nature is Nature.THROTTLED:
                        metrics.throttled(KIND, "submit")
                    if call_error(raised).code not in REFUSALS or last:
                        raise
                    if not pool.refused(self._target, KIND.service, client):
                        raise
        raise AssertionError("the second attempt returns or raises")

    def _note(self, arn: str, request: dict[str, Any]) -> str:
        metrics.submitted(KIND)
        self._submitted[arn] = (time.time(), traits_of(KIND, request))
        return arn

    async def wait(self, arn: str, *, deadline: float, interval: float) -> JobEvent:
        """Wait for a job's end (GetDataAutomationStatus).

        :param deadline: epoch seconds at which the wait is given up.
        :param interval: seconds an end may go unnoticed while one is to be expected.
        """
        wait = JobWait(KIND, {"invocationArn": arn}, deadline=deadline)
        began, traits = self._submitted.pop(arn, (None, ()))
        following = follow(
            wait, self._target, expected=interval, began=began, traits=traits, listens=self._listens
        )
        async with aclosing(following) as items:
            async for item in items:
                if isinstance(item, JobEvent):
                    metrics.ended(KIND, item)
                    return item
        raise AssertionError("a wait ends with an event")

    async def custom_output_status(self, metadata_uri: str) -> list[str]:
        """Answer each segment's match of a blueprint, out of the job_metadata.json."""
        try:
            body = await self._store.get(metadata_uri, METADATA_BYTES)
            segments = JobMetadata(parse_object(body, metadata_uri)).segments
        except (FileNotFoundError, StoreError, ResultsError):
            return []  # the service says success, so it is one; the worker will say what cannot be read
        return [segment.custom_output_status for segment in segments if segment.custom_output_status]

    async def project_state(self, request: dict[str, Any]) -> dict[str, Any]:
        """Read the state of a request's project and blueprints (GetDataAutomationProject, GetBlueprint).

        :raises Unreadable: the service refuses, or does not answer.
        """

        async def call(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
            async with asyncio.timeout(CALL_TIMEOUT):
                client = await client_pool().client(self._target, CONTROL)
                return dict(await getattr(client, operation)(**arguments))

        return await read_state_async(call, request)
