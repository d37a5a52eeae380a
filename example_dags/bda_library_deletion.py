"""Delete a vocabulary library and wait until it is gone. One that is gone already is no failure."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_bda.operators.library import BdaDeleteLibraryOperator

with DAG(
    dag_id="bda_library_deletion",
    schedule=None,
    catchup=False,
    params={"library": Param("product-names", type="string", description="its name or ARN")},
    doc_md=__doc__,
    tags=["bda"],
) as dag:
    BdaDeleteLibraryOperator(
        task_id="delete", library="{{ params.library }}", if_missing="skip", deferrable=True
    )
