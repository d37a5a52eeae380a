"""Runs of a batch Dag for the tests of a real Airflow."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bda.batch import iter_results
from airflow_provider_bda.hooks.base import BdaBaseHook
from tests.e2e.conftest import BUCKET
from tests.pdf import a_pdf

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 600.0


class Batch:
    """One run of a batch Dag on documents of its own."""

    def __init__(self, jobs: Any, dag_id: str, documents: int) -> None:
        self.jobs, self.dag_id, self.documents = jobs, dag_id, documents
        self.aws, self.rest = jobs.aws, jobs.airflow.rest
        s3 = self.aws.client("s3")
        for number in range(documents):
            s3.put_object(Bucket=BUCKET, Key=f"in/{jobs.prefix}/{number:04d}.pdf", Body=a_pdf(number))
        self.conf = {
            "source": f"s3://{BUCKET}/in/{jobs.prefix}/",
            "output_s3_uri": f"s3://{BUCKET}/out/{jobs.prefix}",
        }
        self.run_id = self.rest.trigger(dag_id, self.conf)

    @property
    def task(self) -> dict[str, Any]:
        (task,) = self.rest.task_instances(self.dag_id, self.run_id, "extract")
        return dict(task)

    def bought(self) -> list[Any]:
        """Answer the jobs of this batch."""
        return list(self.jobs.submitted())

    def let_time_pass(self, seconds: float) -> None:
        """Let the service's time pass with ours, only faster."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.aws.clock.advance(1.0)
            time.sleep(0.25)

    def wait_until(self, look: Callable[[], bool], what: str) -> None:
        """Wait for something while the service works."""
        end = time.monotonic() + LIMIT
        while not look():
            if time.monotonic() > end:
                pytest.fail(
                    f"after {LIMIT:.0f} s not {what}: {self.task['state']}, {len(self.bought())} jobs"
                )
            self.let_time_pass(0.5)

    def succeed(self) -> dict[str, Any]:
        """Wait for the task's success; answer what it returned."""
        self.wait_until(lambda: self.task["state"] in {"success", "failed"}, "ended")
        if self.task["state"] != "success":
            pytest.fail(str(self.rest.log(self.task)))
        return dict(self.rest.xcom(self.task, "return_value"))

    def assert_each_once(self, result: dict[str, Any]) -> None:
        """Every document has one job that succeeded, and no other but what the service broke on."""
        broken = [job for job in self.bought() if job.status == "ServiceError"]
        assert result["succeeded"] == result["total"] == self.documents
        assert result["jobs_submitted"] == len(self.bought()) == self.documents + len(broken)
        hook = BdaBaseHook(aws_conn_id="aws_e2e")
        rows = list(iter_results(result["batch_s3_uri"], hook=hook))
        assert Counter(row.status for row in rows) == {"succeeded": self.documents}
        by_arn = {job.arn: job for job in self.bought()}
        assert all(by_arn[row.invocation_arn].input_uri == row.input_s3_uri for row in rows)
        assert len({row.document_id for row in rows}) == self.documents
