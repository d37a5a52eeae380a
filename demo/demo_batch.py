"""Writes what a batch leaves on S3, in its real layout, over documents whose jobs really ran.

For the pages of the UI: ``make ui`` shows a batch that runs, tests one of any size. It submits a handful of jobs
and lets the rows of a batch point at their outputs.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch.layout import SEGMENT, BatchLayout, batch_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: The service's words for failures, as a batch meets them, and the share of each in a thousand documents.
FAILURES = (
    (12, "rejected", "ClientError", "The file is encrypted; remove its password and try again"),
    (7, "rejected", "ClientError", "The document has more than 3000 pages"),
    (4, "failed", "ServiceError", "Internal error; the job may be submitted again"),
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


class DemoBatch:
    """A batch of made-up documents.

    :param s3: a client.
    :param output_s3_uri: the prefix under which the batch stands.
    :param place: (dag_id, run_id, task_id, map_index), which makes the batch's id.
    :param jobs: what its successes point at, in turn.
    :param total: its documents.
    :param hostile: laid over the first row, for tests.
    """

    def __init__(
        self,
        s3: Any,
        output_s3_uri: str,
        place: tuple[str, str, str, int],
        jobs: Sequence[Job],
        total: int,
        *,
        hostile: Mapping[str, Any] | None = None,
    ) -> None:
        self.s3, self.jobs, self.total, self.hostile = s3, jobs, total, dict(hostile or {})
        self.layout = BatchLayout.of(output_s3_uri, batch_id_of(*place))
        self.started = time.time()

    def told(self, **connection: Any) -> dict[str, Any]:
        """Answer the XCom ``bda_batch`` of its operator."""
        return {
            "batch_id": self.layout.batch_id,
            "batch_s3_uri": self.layout.batch_s3_uri,
            "aws_conn_id": "aws_default",
            "s3_conn_id": None,
            "region_name": None,
            "started_at": datetime.fromtimestamp(self.started, UTC).isoformat(),
            **connection,
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield every row of the results."""
        chance = random.Random(7)  # noqa: S311 - a batch that looks the same each time
        for number in range(self.total):
            job = self.jobs[number % len(self.jobs)]
            at = number % 1_000
            failure = None
            for share, *words in FAILURES:
                if 0 <= at - 500 < share:
                    failure = words
                    break
                at += share
            name = job.input_s3_uri.rsplit("/", 1)[-1].replace(".", f"-{number:05d}.", 1)
            row: dict[str, Any] = {
                "document_id": hashlib.sha256(f"{self.layout.batch_id}/{number}".encode()).hexdigest()[:32],
                # What succeeded names the file that was really read, so that its pages can be drawn.
                "input_s3_uri": f"{job.input_s3_uri.rsplit('/', 1)[0]}/{name}"
                if failure
                else job.input_s3_uri,
                "etag": f'"{number:032x}"',
                "status": failure[0] if failure else "succeeded",
                "invocation_arn": job.invocation_arn,
                "output_s3_uri": None if failure else job.output_s3_uri,
                "error_type": failure[1] if failure else None,
                "error_message": failure[2] if failure else None,
                "extra": {"customer": f"c-{number % 97}"},
                "seconds": round(chance.lognormvariate(2.6, 0.5), 1),
                "generation": 0,
                "custom_output_status": None if failure else ["MATCH"],
            }
            yield {**row, **self.hostile} if number == 0 else row

    def counts(self, done: int) -> dict[str, Any]:
        """Answer how far it is after so many documents."""
        statuses = ["succeeded", "failed", "rejected", "skipped"]
        counted = dict.fromkeys(statuses, 0)
        reasons: dict[tuple[str, str], int] = {}
        for number, row in enumerate(self.rows()):
            if number >= done:
                break
            counted[row["status"]] += 1
            if row["error_type"]:
                reason = (row["error_type"], row["error_message"])
                reasons[reason] = reasons.get(reason, 0) + 1
        left = self.total - done
        return {
            "batch_id": self.layout.batch_id,
            "state": "running" if left else "succeeded",
            "total": self.total,
            **counted,
            "running": min(50, left),
            "waiting": max(0, left - 50),
            "per_minute": PER_MINUTE if left else None,
            "seconds_left": round(left / PER_MINUTE * 60) if left else 0,
            "estimated_cost_usd": round(done * COST, 2),
            "failures": [
                {"error_type": kind, "error_message": words, "count": count}
                for (kind, words), count in sorted(reasons.items(), key=lambda item: -item[1])
            ],
        }

    def write_progress(self, done: int, *, now: float | None = None) -> dict[str, Any]:
        """Write ``progress.json`` as it is after so many documents."""
        moment = now or time.time()
        points = 60
        steady = [
            [moment - (points - number) * done / PER_MINUTE / points * 60, done * number // points]
            for number in range(points + 1)
        ]
        progress = {
            **self.counts(done),
            "started_at": datetime.fromtimestamp(steady[0][0], UTC).isoformat(),
            "updated_at": datetime.fromtimestamp(moment, UTC).isoformat(),
            "history": steady,
        }
        self._put(self.layout.progress, json.dumps(progress))
        return progress

    def write_results(self, done: int | None = None) -> None:
        """Write the parts of the segments that are closed, all of them by default."""
        part: list[str] = []
        number = 0
        limit = self.total if done is None else done // SEGMENT * SEGMENT
        for at, row in enumerate(self.rows(), start=1):
            if at > limit:
                break
            part.append(json.dumps(row))
            if len(part) == SEGMENT or at == limit:
                self._put(self.layout.part(number), "\n".join(part) + "\n")
                part, number = [], number + 1

    def finish(self) -> dict[str, Any]:
        """Write everything a batch leaves at its end, and answer what its operator returns."""
        progress = self.write_progress(self.total)
        self.write_results()
        self._put(self.layout.summary, json.dumps(progress))
        names = ("total", "succeeded", "failed", "rejected", "skipped", "estimated_cost_usd")
        return {
            "batch_id": self.layout.batch_id,
            "batch_s3_uri": self.layout.batch_s3_uri,
            "results_s3_uri": self.layout.results,
            **{name: progress[name] for name in names},
            "remaining": 0,
            "jobs_submitted": self.total,
            "seconds": round(self.total / PER_MINUTE * 60, 1),
        }

    def _put(self, uri: str, body: str) -> None:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        self.s3.put_object(Bucket=bucket, Key=key, Body=body.encode())


def run_jobs(
    client: Callable[[str], Any], profile_arn: str, project: str, inputs: Sequence[str], output_s3_uri: str
) -> list[Job]:
    """Really run a job for each input at the emulator, and answer where they wrote.

    :param client: makes clients by their service's name.
    """
    runtime = client("bedrock-data-automation-runtime")
    arns = [
        runtime.invoke_data_automation_async(
            inputConfiguration={"s3Uri": uri},
            outputConfiguration={"s3Uri": output_s3_uri},
            dataAutomationProfileArn=profile_arn,
            dataAutomationConfiguration={"dataAutomationProjectArn": project},
        )["invocationArn"]
        for uri in inputs
    ]
    jobs = []
    deadline = time.monotonic() + 120
    for uri, arn in zip(inputs, arns, strict=True):
        while (answer := runtime.get_data_automation_status(invocationArn=arn))["status"] in {
            "Created",
            "InProgress",
        }:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the job of {uri} does not end")
            time.sleep(0.2)
        if answer["status"] != "Success":
            raise RuntimeError(f"the job of {uri} ended as {answer['status']}: {answer.get('errorMessage')}")
        jobs.append(Job(uri, answer["outputConfiguration"]["s3Uri"], arn))
    return jobs
