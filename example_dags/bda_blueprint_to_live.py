"""A blueprint from a file in the repository to LIVE, past a gate.

The schema lies beside this Dag, in ``blueprints/invoice.json``, and is reviewed like code. A run puts it into
DEVELOPMENT, lets the service optimize it on a sample with ground truth, goes on only if the metric rose enough,
keeps a version, and copies it to LIVE, from where projects take it. A run that does not pass the gate fails and
leaves LIVE as it is.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, chain

from airflow_provider_bda.operators.blueprint import (
    BdaCopyBlueprintStageOperator,
    BdaCreateBlueprintOperator,
    BdaCreateBlueprintVersionOperator,
    BdaOptimizeBlueprintOperator,
    BdaUpdateBlueprintOperator,
)

with DAG(
    dag_id="bda_blueprint_to_live",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={
        "blueprint": Param("supplier-invoice", type="string", description="name of the blueprint"),
        "sample_s3_uri": Param("s3://documents/in/invoice.pdf", type="string"),
        "ground_truth_s3_uri": Param("s3://documents/truth/invoice.json", type="string"),
        "output_s3_uri": Param("s3://documents/out", type="string"),
        "min_improvement": Param(0.0, type="number", description="by how much F1 must rise, 0 to 1"),
    },
    doc_md=__doc__,
    tags=["bda"],
) as dag:
    put = BdaCreateBlueprintOperator(
        task_id="put_into_development",
        blueprint_name="{{ params.blueprint }}",
        schema="blueprints/invoice.json",
        blueprint_stage="DEVELOPMENT",
        if_exists="update",
    )
    optimize = BdaOptimizeBlueprintOperator(
        task_id="optimize",
        blueprint="{{ params.blueprint }}",
        blueprint_stage="DEVELOPMENT",
        samples=[["{{ params.sample_s3_uri }}", "{{ params.ground_truth_s3_uri }}"]],
        output_s3_uri="{{ params.output_s3_uri }}",
        metric="f1",
        min_improvement="{{ params.min_improvement }}",
        deferrable=True,
    )
    take = BdaUpdateBlueprintOperator(
        task_id="take_the_better_one",
        blueprint="{{ params.blueprint }}",
        blueprint_stage="DEVELOPMENT",
        schema=optimize.output["schema"],
    )
    keep = BdaCreateBlueprintVersionOperator(task_id="keep_a_version", blueprint="{{ params.blueprint }}")
    go_live = BdaCopyBlueprintStageOperator(
        task_id="go_live",
        blueprint="{{ params.blueprint }}",
        source_stage="DEVELOPMENT",
        target_stage="LIVE",
    )
    chain(put, optimize, take, keep, go_live)
