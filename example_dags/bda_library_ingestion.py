"""Keep a vocabulary library: put words in, take words out, note in its description when that was.

A library takes one ingestion at a time; while another runs, an operator waits its turn.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, chain

from airflow_provider_bda.operators.library import (
    BdaCreateLibraryOperator,
    BdaIngestLibraryOperator,
    BdaUpdateLibraryOperator,
)
from airflow_provider_bda.sensors.job import BdaLibraryIngestionSensor

with DAG(
    dag_id="bda_library_ingestion",
    schedule=None,
    catchup=False,
    params={
        "library": Param("product-names", type="string"),
        "output_s3_uri": Param("s3://documents/out", type="string"),
        "remove": Param(["old-names"], type="array", items={"type": "string"}, description="entity ids"),
    },
    # Entities that failed fail the task; each is named in its message and in the XCom "failures".
    default_args={"fail_on_partial": True, "deferrable": True},
    doc_md=__doc__,
    tags=["bda"],
    render_template_as_native_obj=True,
) as dag:
    library = BdaCreateLibraryOperator(
        task_id="library", library_name="{{ params.library }}", if_exists="skip"
    )
    # In two tasks: one submits, the other waits. Retrying the sensor never submits again.
    put = BdaIngestLibraryOperator(
        task_id="put",
        library="{{ params.library }}",
        output_s3_uri="{{ params.output_s3_uri }}",
        upsert_entities=[
            {"entityId": "names", "language": "EN", "phrases": ["Quokka 3000", "Numbat"]},
            {"entityId": "old-names", "language": "EN", "phrases": ["Bilby"]},
        ],
        wait_for_completion=False,
    )
    they_are_in = BdaLibraryIngestionSensor(task_id="they_are_in", library_arn=put.output)
    # In one, which is the usual way.
    take_out = BdaIngestLibraryOperator(
        task_id="take_out",
        library="{{ params.library }}",
        output_s3_uri="{{ params.output_s3_uri }}",
        delete_entity_ids="{{ params.remove }}",
    )
    note = BdaUpdateLibraryOperator(
        task_id="note",
        library="{{ params.library }}",
        library_description="Product names as of {{ dag_run.start_date.date() }}",
    )
    chain(library, put, they_are_in, take_out, note)
