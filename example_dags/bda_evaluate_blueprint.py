"""A blueprint goes LIVE only if it is not worse on a golden set than what is LIVE now.

The golden set goes through the blueprint at DEVELOPMENT and at LIVE (it is bought twice), both are held against ground truth,
and the stage is copied if the gate is open. The report says field by field what changed.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from airflow_provider_bda.batch import S3Prefix
from airflow_provider_bda.evaluation import fuzzy, number
from airflow_provider_bda.operators.batch import BdaBatchOperator
from airflow_provider_bda.operators.blueprint import BdaCopyBlueprintStageOperator
from airflow_provider_bda.operators.evaluation import BdaEvaluateOperator

with DAG(
    "bda_evaluate_blueprint",
    schedule=None,
    max_active_runs=1,
    tags=["bda"],
    doc_md=__doc__,
    params={
        "golden_s3_uri": Param("s3://my-bucket/golden/", type="string"),
        "ground_truth_s3_uri": Param("s3://my-bucket/truth/", type="string"),
        "output_s3_uri": Param("s3://my-bucket/out", type="string"),
        "blueprint_arn": Param(
            "arn:aws:bedrock:us-east-1:123456789012:blueprint/my-blueprint", type="string"
        ),
        "project": Param("my-project", type="string", description="its own blueprints are set aside"),
    },
) as dag:
    runs = {
        stage: BdaBatchOperator(
            task_id=f"run_{stage.lower()}",
            source=S3Prefix("{{ params.golden_s3_uri }}"),
            output_s3_uri="{{ params.output_s3_uri }}",
            project="{{ params.project }}",
            blueprints=[{"blueprintArn": "{{ params.blueprint_arn }}", "stage": stage}],
            deferrable=True,
            retries=2,
            retry_delay=timedelta(seconds=10),
        )
        for stage in ("DEVELOPMENT", "LIVE")
    }
    evaluate = BdaEvaluateOperator(
        task_id="evaluate",
        candidate=runs["DEVELOPMENT"].output,
        baseline=runs["LIVE"].output,
        ground_truth="{{ params.ground_truth_s3_uri }}",
        report_s3_uri="{{ params.output_s3_uri }}/evaluation",
        rules={"invoice_number": fuzzy(0.9), "total": number(0.01)},
        max_regression=0.0,
    )
    go_live = BdaCopyBlueprintStageOperator(task_id="go_live", blueprint="{{ params.blueprint_arn }}")
    evaluate >> go_live
