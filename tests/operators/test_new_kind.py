"""An operator of a new kind is its kind and its request, nothing else."""

from __future__ import annotations

import pytest

from airflow_provider_bda.jobs.catalog import ASYNC_INVOKE
from airflow_provider_bda.operators._base import BdaJobOperator
from airflow_provider_bda.operators._flaws import Flaws
from airflow_provider_bda.operators._kinds import BdaKindOperator
from tests.fakes import FakeRun, live_through


class Plain(BdaJobOperator):
    job = ASYNC_INVOKE

    def request(self, context):
        output = {"s3OutputDataConfig": {"s3Uri": "s3://documents/out"}}
        return {"modelId": "amazon.nova-reel-v1:1", "modelInput": {"a": 1}, "outputDataConfig": output}


class WithSeams(BdaKindOperator):
    job = ASYNC_INVOKE
    request = Plain.request

    def flaws(self, event):
        return Flaws()


@pytest.mark.parametrize("operator", [Plain, WithSeams])
def test_a_kind_needs_no_hook_of_its_own(aws, operator):
    run = FakeRun(lambda **more: operator(task_id="a_task", poll_interval=0.02, deferrable=False, **more))
    task, context = run.next_try()
    assert live_through(lambda: task, context)["status"] == "Completed"
