"""Each day the documents that arrived on that day, by an explicit data interval.

Airflow's plain ``schedule="@daily"`` has an interval of no length (its start is its end), so nothing would ever lie in
it: the timetable is named. A backfill of ten days is ten batches, each with its own documents.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, Param

try:
    from airflow.sdk import CronDataIntervalTimetable
except ImportError:  # Airflow 3.1
    from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_provider_bda.batch import S3Prefix
from airflow_provider_bda.operators.batch import BdaBatchOperator

with DAG(
    "bda_batch_daily",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),  # noqa: UP017 - what Dag authors write
    catchup=False,
    max_active_runs=2,
    tags=["bda"],
    doc_md=__doc__,
    params={
        "input_s3_uri": Param("s3://my-bucket/in/", type="string"),
        "output_s3_uri": Param("s3://my-bucket/out", type="string"),
        "project": Param("my-project", type="string"),
    },
) as dag:
    BdaBatchOperator(
        task_id="batch",
        source=S3Prefix(
            "{{ params.input_s3_uri }}",
            suffix=".pdf",
            modified_since="{{ data_interval_start }}",
            modified_before="{{ data_interval_end }}",
        ),
        output_s3_uri="{{ params.output_s3_uri }}/{{ ds }}",
        project="{{ params.project }}",
        tolerated_failure_percentage=2,
        deferrable=True,
        retries=2,
        retry_delay=timedelta(seconds=10),
    )
