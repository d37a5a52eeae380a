"""A batch of any size without its jobs, for tests and benchmarks of size: made-up documents, real files.

Manifest, orders, ledger, rows, marks, progress, results and summary are written by the modules that write them in a
real batch; only the jobs' ends are made up. All rows that succeeded point at the outputs of a handful of jobs.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.batch import finish, prepare
from airflow_provider_bda.batch._files import write_json
from airflow_provider_bda.batch.document import Document, document_id_of
from airflow_provider_bda.batch.layout import SEGMENT, BatchLayout, batch_id_of
from airflow_provider_bda.batch.ledger import lines
from airflow_provider_bda.batch.plan import Run
from airflow_provider_bda.batch.policy import Tally
from airflow_provider_bda.batch.progress import Progress
from airflow_provider_bda.batch.segments import close_segment, read_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_bda.hooks.base import BdaBaseHook

#: The service's words for failures, as a batch meets them, and how many of a thousand documents end so.
FAILURES = (
    (12, "rejected", "ClientError", "The file is encrypted; remove its password and try again"),
    (7, "rejected", "ClientError", "The document has 3217 pages, more than 3000"),
    (4, "broken", "ServiceError", "Internal error; the job may be submitted again"),
)
PER_MINUTE = 1_400.0
COST = 0.04


@dataclass(frozen=True)
class Job:
    """A job that really ran.

    :param output_s3_uri: its ``job_metadata.json``.
    """

    input_s3_uri: str
    output_s3_uri: str
    invocation_arn: str


class _Store:
    """What an engine's store does, by boto3."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    async def get(self, uri: str, most: int | None = None) -> bytes:
        bucket, key = split_s3_uri(uri)
        body: bytes = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read(most)
        return body

    async def etag(self, uri: str) -> str | None:
        bucket, key = split_s3_uri(uri)
        found = self._s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
        return found[0]["ETag"] if found and found[0]["Key"] == key else None

    async def put(
        self, uri: str, body: bytes, *, if_absent: bool = False, if_match: str | None = None
    ) -> bool:
        bucket, key = split_s3_uri(uri)
        condition = {"IfNoneMatch": "*"} if if_absent else {"IfMatch": if_match} if if_match else {}
        self._s3.put_object(Bucket=bucket, Key=key, Body=body, **condition)
        return True

    async def list(self, prefix_uri: str, after: str = "") -> list[str]:
        bucket, prefix = split_s3_uri(prefix_uri)
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, StartAfter=prefix + after
        )
        return [f"s3://{bucket}/{row['Key']}" for page in pages for row in page.get("Contents", [])]


class MadeBatch:
    """A batch of made-up documents.

    :param hook: whose connection writes the batch.
    :param place: (dag_id, run_id, task_id, map_index), which makes the batch's id.
    :param jobs: what its successes point at, in turn.
    :param total: its documents.
    """

    def __init__(
        self,
        hook: BdaBaseHook,
        output_s3_uri: str,
        place: tuple[str, str, str, int],
        jobs: Sequence[Job],
        total: int,
    ) -> None:
        self._hook, self._jobs, self._total = hook, jobs, total
        self._s3 = hook.client_of("s3")
        self._chance = random.Random(7)  # noqa: S311 - a batch that looks the same each time
        self.layout = BatchLayout.of(output_s3_uri, batch_id_of(*place))
        identity = dict(zip(("dag_id", "run_id", "task_id", "map_index"), place, strict=True))
        self.plan = prepare.write_plan(
            self._s3,
            self.layout,
            self._documents(),
            estimate=lambda: {"documents": total, "cost_usd": {"expected": total * COST}},
            source=f"{total:,} made-up documents",
            identity=identity,
            skipped=lambda: 0,
            tagging={},
        )
        now = time.time()
        draft = Run(
            number=0,
            began=0,
            max_tries=0,
            try_number=1,
            started_at=now,
            deadline=now + 86_400,
            request={},
            output_s3_uri=output_s3_uri,
            cost_per_document=COST,
        )
        self.run = prepare.write_run(self._s3, self.layout, draft, [], redrive="failed", tagging={})

    def told(self, **connection: Any) -> dict[str, Any]:
        """Answer the XCom ``bda_batch`` of its operator."""
        return {
            "batch_id": self.layout.batch_id,
            "batch_s3_uri": self.layout.batch_s3_uri,
            "aws_conn_id": "aws_default",
            "s3_conn_id": "aws_default",
            "region_name": None,
            "started_at": self.run.started_at,
            **connection,
        }

    def work(self, done: int) -> Tally:
        """Let so many documents end, write down what an engine would, and answer the count."""
        tally = Tally(self._total)
        for segment in range((self._total + SEGMENT - 1) // SEGMENT):
            first = segment * SEGMENT
            many = min(max(done - first, 0), SEGMENT)
            if many:
                self._end(segment, first, many, tally)
            if many == min(SEGMENT, self._total - first):
                asyncio.run(self._close(segment))
        return tally

    def tell(self, tally: Tally, state: str = "running") -> dict[str, Any]:
        """Write ``progress.json`` as an engine does."""
        progress = Progress(self.run.started_at)
        now, points = time.time(), 60
        for number in range(points + 1):
            seconds = (points - number) * tally.ended / PER_MINUTE
            progress.note(now - seconds, tally.ended * number // points)
        running = min(50, self._total - tally.ended)
        told = progress.to_json(
            tally,
            running=running,
            state=state,
            now=now,
            batch_id=self.layout.batch_id,
            skipped=0,
            jobs_submitted=tally.ended + running,
            estimated_cost_usd=round(tally.ended * COST, 2),
            why=None,
        )
        write_json(self._s3, self.layout.progress, told)
        return told

    def finish(self) -> dict[str, Any]:
        """Write everything a batch leaves at its end, and answer what its operator returns."""
        tally = self.work(self._total)
        self.tell(tally, "done")
        # They all have the same few bodies: reading ten thousand would take the minute that this spares.
        with patch.multiple(finish, READ_ALL=0, SAMPLE=20):
            summary = finish.finish_batch(self._hook, self.layout.batch_s3_uri, cost_per_job_usd=COST)
        names = ("succeeded", "failed", "rejected", "skipped", "jobs_submitted", "estimated_cost_usd")
        return {
            "batch_id": self.layout.batch_id,
            "batch_s3_uri": self.layout.batch_s3_uri,
            "results_s3_uri": self.layout.results,
            "total": self._total,
            **{name: summary[name] for name in names},
            "remaining": 0,
            "seconds": round(self._total / PER_MINUTE * 60, 1),
        }

    def _documents(self) -> Iterator[Document]:
        for number in range(self._total):
            uri = self._jobs[number % len(self._jobs)].input_s3_uri
            if number >= len(self._jobs):  # the first ones are the files that were really read
                stem, dot, suffix = uri.rpartition(".")
                uri = f"{stem}-{number:05d}{dot}{suffix}"
            yield Document(
                document_id=document_id_of(uri),
                input_s3_uri=uri,
                etag=f"{number:032x}",
                size=48_000,
                extra={"customer": f"c-{number % 97}"},
            )

    def _end(self, segment: int, first: int, many: int, tally: Tally) -> None:
        records: list[dict[str, Any]] = []
        for place in range(many):
            number = first + place
            job, at = self._jobs[number % len(self._jobs)], self.run.started_at + number / 20
            arn = f"{job.invocation_arn.rsplit('/', 1)[0]}/{number:012d}"
            who = {"i": place, "g": 0, "r": 0, "arn": arn}
            seconds = round(self._chance.lognormvariate(2.6, 0.5), 1)
            end: dict[str, Any] = {
                "o": "succeeded",
                "out": job.output_s3_uri,
                "sec": seconds,
                "cos": ["MATCH"],
            }
            share = number % 1_000 - 500
            for width, outcome, kind, words in FAILURES:
                if 0 <= share < width:
                    end = {"o": outcome, "type": kind, "words": words}
                share -= width
            records += (
                {"k": "job", **who, "at": at},
                {"k": "end", **who, "sub": at, "at": at + seconds + 2, **end},
            )
            status = {"succeeded": "succeeded", "rejected": "rejected"}.get(end["o"], "failed")
            tally.end(status, end.get("type"), end.get("words"))
        for part in range(0, len(records), 2_000):
            name = f"{int(self.run.started_at * 1000):013d}-{'0' * 32}-{part // 2_000:06d}.jsonl"
            bucket, key = split_s3_uri(self.layout.ledger(segment) + name)
            self._s3.put_object(Bucket=bucket, Key=key, Body=lines(records[part : part + 2_000]))

    async def _close(self, number: int) -> None:
        store = _Store(self._s3)
        segment = await read_segment(store, self.layout, number, self.plan.draft)
        await close_segment(store, self.layout, segment, self.run)
