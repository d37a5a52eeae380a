"""``python -m benchmarks.ui``: how quickly the monitor's routes answer with 200 batches and one of 10,000 documents.

The real api-server application in this process, an SQLite database and the emulator's S3. Goal: the first answer of
each route under 0.3 s as a median, the first view under 100 kB.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import tempfile
import time
import uuid
import warnings
from pathlib import Path
from typing import Any

BATCHES = 200
DOCUMENTS = 10_000
ROUNDS = 7


def main() -> None:
    from airflow_provider_bda.emulator import Emulator, Settings
    from airflow_provider_bda.emulator.dag_run import AirflowDatabase

    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp(prefix="bda-bench-ui-"))
    os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] = "ada:admin"
    os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = "a" * 64
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
    with Emulator(Settings(duration=0.0)) as aws, AirflowDatabase(folder).active():
        os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps(aws.connection())
        run_id = seed(aws, folder)
        client = log_in()
        where = {"run_id": run_id, "task_id": "extract_all"}
        base = "/bda/api/dags/bench/"
        first = client.get(base + "documents", params=where).json()["rows"][0]["id"]
        document = {**where, "document_id": first}
        print(f"{'route':28} {'first':>8} {'median':>8} {'largest':>8} {'bytes':>9} {'gzip':>7}")
        for name, path, query in (
            ("overview", "/bda/api/overview", {}),
            ("overview, searched", "/bda/api/overview", {"q": "copy-1"}),
            ("batch", base + "task", where),
            ("documents", base + "documents", where),
            ("documents, sorted", base + "documents", {**where, "sort": "-seconds"}),
            ("documents, searched", base + "documents", {**where, "q": "encrypted"}),
            ("document", base + "document", document),
            ("segment", base + "segment", document),
            ("picture", base + "picture", document),
        ):
            measure(client, name, path, query)


def measure(client: Any, name: str, path: str, query: dict[str, Any]) -> None:
    from airflow_provider_bda.ui import batches, pages, reading

    firsts, again, body = [], [], b""
    for _ in range(ROUNDS):
        reading._BODIES.clear()  # what was read is forgotten; clients stay, as in a server that has run for a while
        batches._PARTS.clear()
        pages._PICTURES.clear()
        for kept in (firsts, again):
            began = time.perf_counter()
            answer = client.get(path, params=query)
            kept.append(time.perf_counter() - began)
            assert answer.status_code == 200, answer.text
            body = answer.content
    print(
        f"{name:28} {statistics.median(firsts):7.3f}s {statistics.median(again):7.3f}s {max(firsts):7.3f}s "
        f"{len(body):9,} {len(gzip.compress(body)):7,}"
    )


def seed(aws: Any, folder: Path) -> str:
    """Run one batch, and copy its run 199 times; half of the copies run on."""
    from airflow.sdk import DAG, task

    from airflow_provider_bda.emulator.dag_run import run_dag
    from demo.demo_batch import DemoBatch, Job, run_jobs
    from demo.documents import make_documents

    s3 = aws.client("s3")
    s3.create_bucket(Bucket="bench")
    s3.upload_file(str(make_documents(folder / "documents")[0]), "bench", "in/one.pdf")
    project = aws.client("bedrock-data-automation").create_data_automation_project(
        projectName="bench", standardOutputConfiguration={}
    )["projectArn"]
    jobs: list[Job] = run_jobs(
        aws.client, aws.profile_arn, project, ["s3://bench/in/one.pdf"], "s3://bench/out"
    )

    with DAG("bench", schedule=None) as dag:

        @task
        def extract_all(ti=None):
            place = (ti.dag_id, ti.run_id, ti.task_id, -1)
            batch = DemoBatch(s3, "s3://bench/out", place, jobs, DOCUMENTS)
            ti.xcom_push(key="bda_batch", value=batch.told())
            return batch.finish()

        extract_all()

    run = run_dag(dag)
    assert run.state == "success"
    told = run.xcom("extract_all", "bda_batch")
    copy_run(s3, run.run_id, told)
    return run.run_id


def copy_run(s3: Any, run_id: str, told: dict[str, Any]) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import insert, select

    tables = [model.__table__ for model in (DagRun, TaskInstance, XComModel)]
    progress = s3.get_object(
        Bucket="bench", Key=told["batch_s3_uri"].removeprefix("s3://bench/") + "/progress.json"
    )
    progress = json.loads(progress["Body"].read())
    with create_session() as session:
        runs, instances, xcoms = (
            [dict(row._mapping) for row in session.execute(select(table).where(table.c.run_id == run_id))]
            for table in tables
        )
        for number in range(1, BATCHES):
            name, running = f"copy-{number}", number % 2 == 0
            uri = f"s3://bench/out/_batches/{name}"
            more = {"run_id": name}
            session.execute(
                insert(tables[0]), [{**runs[0], **more, "id": 10_000 + number, "logical_date": None}]
            )
            state = {"state": "deferred", "end_date": None} if running else {}
            session.execute(
                insert(tables[1]), [{**row, **more, **state, "id": uuid.uuid4()} for row in instances]
            )
            for row in xcoms:
                if running and row["key"] == "return_value":
                    continue
                value = (
                    json.dumps({**told, "batch_s3_uri": uri}) if row["key"] == "bda_batch" else row["value"]
                )
                session.execute(
                    insert(tables[2]), [{**row, **more, "dag_run_id": 10_000 + number, "value": value}]
                )
            if running:
                body = json.dumps({**progress, "state": "running"}).encode()
                s3.put_object(Bucket="bench", Key=f"out/_batches/{name}/progress.json", Body=body)


def log_in() -> Any:
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    app = create_app(apps="core")
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ada", role="ADMIN"))
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})


if __name__ == "__main__":
    main()
