"""A batch as the worker leaves it, and engines on it: over the emulator, or over fakes we own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from dataclasses import replace

import pytest

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.batch import engine as engine_module
from airflow_provider_bda.batch.budget import budget_for
from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.engine import Engine
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.plan import Plan, Policy, Run
from airflow_provider_bda.jobs.event import JobEvent
from airflow_provider_bda.jobs.kind import Outcome
from tests.operators.conftest import aws, running_emulator

__all__ = ["aws", "running_emulator"]

LIMIT = 60.0
ERROR_TYPES = {Outcome.SUCCEEDED: None, Outcome.LOST: "ResourceNotFoundException"}


class FakeStore:
    """S3 in a dict, with what it was asked."""

    def __init__(self):
        self.objects = {}
        self.tags = {}
        self.calls = []
        self.fail = lambda operation, uri: None
        #: Awaited before an object is written, as a host without network waits.
        self.stand_still = None

    async def get(self, uri, most=None):
        await self._called("get", uri)
        if uri not in self.objects:
            raise FileNotFoundError(uri)
        return self.objects[uri][:most]

    async def etag(self, uri):
        await self._called("etag", uri)
        return self._etag(uri)

    async def put(self, uri, body, *, if_absent=False, if_match=None):
        await self._called("put", uri)
        if self.stand_still is not None:
            await self.stand_still(uri)
        if (if_absent and uri in self.objects) or (if_match is not None and if_match != self._etag(uri)):
            return False
        self.objects[uri] = body
        return True

    async def list(self, prefix_uri, after=""):
        await self._called("list", prefix_uri)
        return sorted(uri for uri in self.objects if uri.startswith(prefix_uri) and uri > prefix_uri + after)

    def _etag(self, uri):
        return hashlib.md5(self.objects[uri]).hexdigest() if uri in self.objects else None  # noqa: S324 - as S3 does

    async def _called(self, operation, uri):
        await asyncio.sleep(0)
        self.calls.append((operation, uri))
        if (error := self.fail(operation, uri)) is not None:
            raise error

    def json(self, uri):
        return json.loads(self.objects[uri])

    def rows(self, layout):
        parts = sorted(uri for uri in self.objects if uri.startswith(layout.parts))
        return [json.loads(line) for uri in parts for line in self.objects[uri].splitlines()]


class FakeService:
    """The service as an engine sees it.

    :param outcome_of: answers how the job of (URI, number of jobs bought for it) ends.
    :param remembers: whether it remembers the tokens of jobs that ended.
    """

    def __init__(self, outcome_of=lambda uri, number: Outcome.SUCCEEDED, *, remembers=True, seconds=0.0):
        self.outcome_of = outcome_of
        self.remembers = remembers
        self.seconds = seconds
        self.jobs = {}
        self.tokens = {}
        self.submits = []
        self.open = 0
        self.most_open = 0
        self.refuse = lambda request: None
        self.lose_answer = lambda request: False
        #: What it answers of the project, one after another and then the last for ever.
        self.states = [{}]

    async def submit(self, request):
        await asyncio.sleep(0)
        self.submits.append(request)
        if (error := self.refuse(request)) is not None:
            raise error
        token = request["clientToken"]
        arn = self.tokens.get(token)
        if arn is None or (not self.remembers and self.jobs[arn]["ended"]):
            uri = request["inputConfiguration"]["s3Uri"]
            arn = f"arn:aws:bedrock:us-east-1:123456789012:data-automation-invocation/{len(self.jobs):08d}"
            number = sum(job["uri"] == uri for job in self.jobs.values())
            self.jobs[arn] = {"uri": uri, "outcome": self.outcome_of(uri, number), "ended": False}
            self.tokens[token] = arn
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        if self.lose_answer(request):
            raise ConnectionResetError("the answer was lost")
        return arn

    async def wait(self, arn, *, deadline, interval):
        job = self.jobs[arn]
        await asyncio.sleep(self.seconds)
        if job["outcome"] is None:  # it never ends
            await asyncio.sleep(max(deadline - time.time(), 0))
            return JobEvent(kind="data_automation", handle={"invocationArn": arn}, outcome=Outcome.TIMEOUT)
        if not job["ended"]:
            job["ended"] = True
            self.open -= 1
        answer = {}
        if job["outcome"] is Outcome.SUCCEEDED:
            answer = {
                "outputConfiguration": {
                    "s3Uri": f"s3://documents/out/{arn.rsplit('/', 1)[-1]}/job_metadata.json"
                },
                "jobDurationInSeconds": 1,
            }
        return JobEvent(
            kind="data_automation",
            handle={"invocationArn": arn},
            outcome=job["outcome"],
            error_type=ERROR_TYPES.get(job["outcome"], "SomeError"),
            error_message=None if job["outcome"] is Outcome.SUCCEEDED else "it did not work",
            answer=answer,
        )

    async def custom_output_status(self, metadata_uri):
        return ["MATCH"]

    async def project_state(self, request):
        await asyncio.sleep(0)
        answer = self.states[0] if len(self.states) == 1 else self.states.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def bought(self):
        """How many jobs were bought for each document."""
        counts = {}
        for job in self.jobs.values():
            counts[job["uri"]] = counts.get(job["uri"], 0) + 1
        return counts


class Batch:
    """A batch on a store, and the runs on it."""

    def __init__(self, store, layout, documents, *, segment=10_000):
        self.store = store
        self.layout = layout
        self.documents = documents
        self.runs = []
        self.said = []
        self.engines = []
        chunks = [documents[at : at + segment] for at in range(0, len(documents), segment)]
        for number, chunk in enumerate(chunks):
            lines = "".join(json.dumps(document.to_json()) + "\n" for document in chunk)
            store.objects[layout.manifest(number)] = lines.encode()
        plan = Plan(batch_id=layout.batch_id, documents=len(documents), segments=len(chunks))
        store.objects[layout.plan] = json.dumps(plan.to_json()).encode()

    def order(self, **changes):
        """Give the orders of the next run."""
        policy = changes.pop("policy", {})
        last = self.runs[-1] if self.runs else None
        run = last or Run(
            number=-1,
            began=0,
            max_tries=0,
            try_number=1,
            started_at=time.time(),
            deadline=time.time() + LIMIT,
            request={"dataAutomationProfileArn": "arn:profile"},
            output_s3_uri="s3://documents/out",
            max_open_jobs={"document": 8},
            submit_rate=5000.0,
        )
        run = replace(run, number=run.number + 1, **{"policy": Policy(**policy).to_json(), **changes})
        self.runs.append(run)
        self.store.objects[self.layout.run(run.number)] = json.dumps(run.to_json()).encode()
        return run

    def retry(self, **changes):
        """Give the orders of a task's retry."""
        return self.order(again=["broken", "lost", "timeout"], **changes)

    def clear(self, **changes):
        """Give the orders of a run after a clear."""
        number = self.runs[-1].number + 1
        redo = ["broken", "lost", "rejected", "timeout"]
        return self.order(**{"again": [], "redo": redo, "began": number, "max_tries": number, **changes})

    def engine(self, service, **more):
        """Build an engine, within a running loop."""
        settings = {
            "budget_for": lambda modality, limit: budget_for(AwsTarget.of(None), modality, limit),
            "say": lambda text, warning=False: self.said.append(text),
            "log_interval": 30.0,
        }
        made = Engine(self.layout, store=self.store, service=service, **{**settings, **more})
        self.engines.append(made)
        return made

    def work(self, service, **more):
        """Run an engine to its end."""

        async def main():
            async with asyncio.timeout(LIMIT):
                return await self.engine(service, **more).run()

        return asyncio.run(main())

    @property
    def rows(self):
        """The rows by document."""
        return {row["document_id"]: row for row in self.store.rows(self.layout)}

    @property
    def progress(self):
        return self.store.json(self.layout.progress)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """No pauses before a document goes again, nor for Airflow's sake."""
    monkeypatch.setattr(engine_module, "RETRY_PAUSE", 0.0)
    monkeypatch.setattr("airflow_provider_bda.triggers.batch.SETTLE", 0.0)


@pytest.fixture
def a_batch():
    """Build a batch of so many documents over fakes."""

    def make(count=20, *, segment=10_000, **more):
        documents = [
            Document(document_id=f"d{n}", input_s3_uri=f"s3://documents/in/{n}.pdf", **more)
            for n in range(count)
        ]
        return Batch(FakeStore(), BatchLayout("s3://documents/out/_batches/b1"), documents, segment=segment)

    return make
