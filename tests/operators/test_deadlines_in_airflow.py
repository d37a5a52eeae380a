"""Deadlines in Airflow's own in-process run, ``dag.test()``, which ends no trigger and no deferred task by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_bda.exceptions import BdaJobTimeout, job_error
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.operators.invocation import BdaInvokeOperator

#: Task -> what bounds its wait. ``execution_timeout`` counts from the start of the task, not from its job: it must
#: leave the time to submit, which took 8 seconds on a busy machine.
BOUNDS = {
    "wait_timeout": {"wait_timeout": 2},
    "execution_timeout": {"execution_timeout": timedelta(seconds=30)},
}


@pytest.mark.airflow
# On a busy machine Airflow's own alarm may go off as well, wherever Python is: in a destructor, say.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("deferrable", [True, False], ids=["deferrable", "blocking"])
def test_a_task_whose_deadline_passes_fails_with_our_words(bda_emulator, run_dag, deferrable, monkeypatch):
    from airflow.sdk import DAG

    bda_emulator.settings.duration = 1000.0
    s3 = bda_emulator.client("s3")
    s3.create_bucket(Bucket="documents")
    s3.put_object(Bucket="documents", Key="in/a.txt", Body=b"Invoice number: 7\n")
    # The first client of a process takes seconds on a busy machine; none is of the time to submit.
    BedrockDataAutomationRuntimeHook(region_name=bda_emulator.region).conn  # noqa: B018
    raised = []

    def noted(kind, event):
        # Airflow 3.1 calls no callback here that would be told of the error.
        raised.append(job_error(kind, event))
        return raised[-1]

    monkeypatch.setattr("airflow_provider_bda.operators._base.job_error", noted)
    with DAG(f"deadlines_{deferrable}", schedule=None) as dag:
        for task_id, bound in BOUNDS.items():
            BdaInvokeOperator(
                task_id=task_id,
                input_s3_uri="s3://documents/in/a.txt",
                output_s3_uri="s3://documents/out",
                project=f"arn:aws:bedrock:{bda_emulator.region}:aws:data-automation-project/public-default",
                deferrable=deferrable,
                poll_interval=0.1,
                **bound,
            )

    result = run_dag(dag)

    assert (result.state, dict(result.tasks)) == ("failed", dict.fromkeys(BOUNDS, "failed"))
    arns = {task_id: result.xcom(task_id, "bda_job")["handle"]["invocationArn"] for task_id in BOUNDS}
    assert {type(error) for error in raised} == {BdaJobTimeout}
    assert sorted(error.handle["invocationArn"] for error in raised) == sorted(arns.values())
    assert all(
        f"{error.handle['invocationArn']} had not ended when the deadline passed" in str(error)
        and "a retry waits for this same job" in str(error)
        for error in raised
    )
    assert {job.arn for job in bda_emulator.jobs()} == set(arns.values())
