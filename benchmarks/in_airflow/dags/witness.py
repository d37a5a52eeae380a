"""A trigger that watches its triggerer."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from benchmarks.in_airflow.witness import WitnessOperator

with DAG("witness", schedule=None, params={"out": Param("", type="string")}):
    WitnessOperator(task_id="watch", out="{{ params.out }}")
