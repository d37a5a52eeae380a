"""Try a blueprint on one document before it becomes anybody's: create it, use it, delete it whatever happened.

The schema lies beside this Dag, in ``blueprints/invoice.json``. Give a name that no blueprint has: one that is there
fails the first task, and is not deleted.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, chain, task

from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.operators.blueprint import BdaCreateBlueprintOperator, BdaDeleteBlueprintOperator
from airflow_provider_bda.operators.invocation import BdaInvokeOperator

with DAG(
    dag_id="bda_blueprint_try",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={
        "blueprint": Param("trial-invoice", type="string", description="a name that is free"),
        "input_s3_uri": Param("s3://documents/in/invoice.pdf", type="string"),
        "output_s3_uri": Param("s3://documents/out", type="string"),
    },
    doc_md=__doc__,
    tags=["bda"],
) as dag:
    create = BdaCreateBlueprintOperator(
        task_id="create",
        blueprint_name="{{ params.blueprint }}",
        schema="blueprints/invoice.json",
        blueprint_stage="DEVELOPMENT",
        retries=2,
    )
    extract = BdaInvokeOperator(
        task_id="extract",
        input_s3_uri="{{ params.input_s3_uri }}",
        output_s3_uri="{{ params.output_s3_uri }}",
        blueprints=[{"blueprintArn": create.output["blueprint_arn"], "stage": "DEVELOPMENT"}],
        deferrable=True,
    )

    @task
    def missing_fields(metadata_uri: str) -> list[str]:
        """Name the fields that the blueprint asks for and the service did not find."""
        results = BedrockDataAutomationRuntimeHook().get_results(metadata_uri)
        return [
            path
            for segment in results
            if segment.custom is not None
            for path, field in segment.custom.fields.items()
            if not field.found
        ]

    delete = BdaDeleteBlueprintOperator(task_id="delete", blueprint=create.output["blueprint_arn"], retries=2)
    # A teardown runs also where what it comes after has failed, and the run still counts as failed.
    chain(create, extract, missing_fields(extract.output["output_s3_uri"]), delete.as_teardown(setups=create))
