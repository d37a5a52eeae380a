"""Sensor data into a dataset of Amazon Lookout for Equipment: submit, then wait.

AWS ended this service on 2026-10-07. This Dag runs where an endpoint still answers, such as the emulator's.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_bda.operators.lookout_equipment import LookoutEquipmentStartDataIngestionJobOperator
from airflow_provider_bda.sensors.job import LookoutEquipmentDataIngestionSensor

with DAG(
    dag_id="lookout_equipment_ingestion",
    schedule=None,
    catchup=False,
    params={
        "dataset_name": Param("pumps", type="string"),
        "bucket": Param("documents", type="string"),
        "prefix": Param("sensors/", type="string"),
        "role_arn": Param("arn:aws:iam::123456789012:role/reads-sensors", type="string"),
    },
    doc_md=__doc__,
    tags=["lookout"],
) as dag:
    ingest = LookoutEquipmentStartDataIngestionJobOperator(
        task_id="ingest",
        dataset_name="{{ params.dataset_name }}",
        bucket="{{ params.bucket }}",
        prefix="{{ params.prefix }}",
        key_pattern="{prefix}/{component_name}/*",
        role_arn="{{ params.role_arn }}",
        wait_for_completion=False,
    )
    LookoutEquipmentDataIngestionSensor(
        task_id="ingested", job_id=ingest.output, fail_on_partial=True, deferrable=True, timeout=4 * 3600
    )
