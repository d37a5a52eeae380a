"""Optimize a blueprint on samples with ground truth: one task submits, a sensor waits.

An operator that waits itself (``bda_blueprint_to_live``) also reads the metrics and can be the gate.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_bda.operators.blueprint import BdaOptimizeBlueprintOperator
from airflow_provider_bda.sensors.job import BdaBlueprintOptimizationSensor

with DAG(
    dag_id="bda_optimize_blueprint",
    schedule=None,
    catchup=False,
    params={
        "blueprint": Param("supplier-invoice", type="string", description="ARN or name"),
        "sample_s3_uri": Param("s3://documents/in/invoice.pdf", type="string"),
        "ground_truth_s3_uri": Param("s3://documents/truth/invoice.json", type="string"),
        "output_s3_uri": Param("s3://documents/out", type="string"),
    },
    doc_md=__doc__,
    tags=["bda"],
) as dag:
    optimize = BdaOptimizeBlueprintOperator(
        task_id="optimize",
        blueprint="{{ params.blueprint }}",
        samples=[["{{ params.sample_s3_uri }}", "{{ params.ground_truth_s3_uri }}"]],
        output_s3_uri="{{ params.output_s3_uri }}",
        wait_for_completion=False,
    )
    BdaBlueprintOptimizationSensor(task_id="optimized", invocation_arn=optimize.output, deferrable=True)
