"""A project from its configuration: create it if need be, change it, wait until it is ready, delete it.

Give it the name of a project you can do without: the last task deletes it.
"""

from __future__ import annotations

from airflow.sdk import DAG, Param, chain

from airflow_provider_bda.operators.project import (
    BdaCreateProjectOperator,
    BdaDeleteProjectOperator,
    BdaUpdateProjectOperator,
)
from airflow_provider_bda.sensors.job import BdaProjectSensor

PAGES = {
    "document": {"extraction": {"granularity": {"types": ["PAGE"]}, "boundingBox": {"state": "DISABLED"}}}
}
SPLIT = {"document": {"splitter": {"state": "ENABLED"}}}

with DAG(
    dag_id="bda_project",
    schedule=None,
    catchup=False,
    params={"project": Param("trial-project", type="string")},
    doc_md=__doc__,
    tags=["bda"],
) as dag:
    # In two tasks: one submits, the other waits. Retrying the sensor never submits again.
    create = BdaCreateProjectOperator(
        task_id="create",
        project_name="{{ params.project }}",
        standard_output_configuration=PAGES,
        if_exists="update",
        wait_for_completion=False,
    )
    created = BdaProjectSensor(task_id="created", project_arn=create.output, deferrable=True, timeout=600)
    # In one, which is the usual way.
    update = BdaUpdateProjectOperator(
        task_id="update",
        project="{{ params.project }}",
        standard_output_configuration=PAGES,
        override_configuration=SPLIT,
        deferrable=True,
    )
    delete = BdaDeleteProjectOperator(task_id="delete", project="{{ params.project }}")
    chain(create, created, update, delete)
