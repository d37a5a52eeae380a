"""Dags that are started by events, and a task that hears of its job's end: the queues come from the environment."""

from __future__ import annotations

import os

from airflow.sdk import DAG, Asset, AssetWatcher, Param, task

from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from airflow_provider_bda.triggers.events import BdaCompletionTrigger

ENDS = BdaCompletionTrigger(queue_url=os.environ["BDA_E2E_ENDS_QUEUE"])
#: Of whatever application: nobody in this Airflow submits these.
DONE = Asset("e2e-documents-done", watchers=[AssetWatcher(name="bda", trigger=ENDS)])
EXTRACTED = Asset("e2e-extracted")

with DAG("e2e_hears", schedule=None, params={"input_s3_uri": Param("", type="string")}):
    BdaInvokeOperator(
        task_id="extract",
        input_s3_uri="{{ params.input_s3_uri }}",
        output_s3_uri="s3://bda-e2e/out/events",
        project="e2e",
        # Only an event ends this wait in time.
        poll_interval=3600,
        completion_queue=os.environ["BDA_E2E_HINTS_QUEUE"],
        outlets=[EXTRACTED],
        deferrable=True,
        retries=0,
    )

#: Nothing of it is heard of: whoever counts events counts the others.
with DAG("e2e_lineage", schedule=None, params={"input_s3_uri": Param("", type="string")}):
    BdaInvokeOperator(
        task_id="extract",
        input_s3_uri="{{ params.input_s3_uri }}",
        output_s3_uri="s3://bda-e2e/out/lineage/",
        project="e2e",
        poll_interval=1,
        deferrable=True,
        retries=0,
    )

for dag_id, asset in (("e2e_after_ours", EXTRACTED), ("e2e_after_theirs", DONE)):
    with DAG(dag_id, schedule=[asset]):

        @task
        def told(triggering_asset_events=None):
            return [event.extra for events in triggering_asset_events.values() for event in events]

        told()
