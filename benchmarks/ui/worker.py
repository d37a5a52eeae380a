"""``python -m benchmarks.ui.worker ENDPOINT HOME OUT SIZES``: fills an Airflow and an S3, and measures each route."""

from __future__ import annotations

import gzip
import json
import os
import statistics
import sys
import time
import uuid
import warnings
from pathlib import Path
from typing import Any

BUCKET = "bench"
CONNECTION = {"conn_type": "aws", "login": "testing", "password": "testing"}


def main(endpoint: str, home: str, out: str, sizes: dict[str, int]) -> None:
    """Measure, and write the figures to ``out``."""
    from airflow_provider_bda.emulator.dag_run import AirflowDatabase

    warnings.simplefilter("ignore")
    extra = {"region_name": "us-east-1", "endpoint_url": endpoint}
    os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = json.dumps({**CONNECTION, "extra": extra})
    os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] = "ada:admin"
    os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = "a" * 64
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
    with AirflowDatabase(Path(home)).active():
        run_id, picture = seed(Path(home), sizes)
        client = log_in()
        where = {"run_id": run_id, "task_id": "extract_all"}
        base = "/bda/api/dags/bench/"
        document = {**where, "document_id": picture}
        routes = {
            name: measure(client, sizes["rounds"], path, query)
            for name, path, query in (
                ("overview", "/bda/api/overview", {}),
                ("overview, searched", "/bda/api/overview", {"q": "copy-1"}),
                ("batch", f"{base}task", where),
                ("documents", f"{base}documents", where),
                ("documents, sorted", f"{base}documents", {**where, "sort": "-seconds"}),
                ("documents, searched", f"{base}documents", {**where, "q": "encrypted"}),
                ("document", f"{base}document", document),
                ("segment", f"{base}segment", document),
                ("raw", f"{base}raw", {**document, "which": "standard"}),
                ("picture", f"{base}picture", document),
            )
        }
        www = Path(__file__).parents[2] / "airflow_provider_bda" / "ui" / "www"
        files = sum(path.stat().st_size for path in www.iterdir())
    Path(out).write_text(json.dumps({"routes": routes, "first_view": files + routes["overview"]["bytes"]}))


def measure(client: Any, rounds: int, path: str, query: dict[str, Any]) -> dict[str, Any]:
    """Ask a route again and again, each time twice: with nothing read yet, and once it was."""
    from airflow_provider_bda.ui import batches, monitor, open_segments, pages, reading

    took: dict[str, list[float]] = {"first": [], "again": []}
    worked: list[float] = []
    body = b""
    for _ in range(rounds):
        reading.forget()
        open_segments.forget()
        for kept in (batches._PARTS, batches._FOUND, monitor._STATUSES, pages._PICTURES):
            kept.clear()
        for seconds in took.values():
            began, cpu = time.perf_counter(), time.process_time()
            answer = client.get(path, params=query)
            seconds.append(time.perf_counter() - began)
            worked.append(time.process_time() - cpu)
            assert answer.status_code == 200, answer.text
            body = answer.content
    return {
        **{name: statistics.median(seconds) for name, seconds in took.items()},
        "cpu": statistics.median(worked[::2]),
        "all": took,
        "bytes": len(body),
        "gzip": len(gzip.compress(body)),
    }


def seed(folder: Path, sizes: dict[str, int]) -> tuple[str, str]:
    """Write one batch, and copy its run; half of the copies run on. Answer the run and a document with a page."""
    from airflow.sdk import DAG, task

    from airflow_provider_bda.emulator.dag_run import run_dag
    from airflow_provider_bda.hooks.base import BdaBaseHook
    from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
    from demo.documents import make_documents
    from demo.made_batch import Job, MadeBatch

    runtime = BedrockDataAutomationRuntimeHook()
    s3 = runtime.client_of("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.upload_file(str(make_documents(folder / "documents")[0]), BUCKET, "in/one.pdf")
    project = runtime.client_of("bedrock-data-automation").create_data_automation_project(
        projectName="bench", standardOutputConfiguration={}
    )["projectArn"]
    uri, account = f"s3://{BUCKET}/in/one.pdf", project.split(":")[4]
    profile = f"arn:aws:bedrock:us-east-1:{account}:data-automation-profile/us.data-automation-v1"
    arn = runtime.conn.invoke_data_automation_async(
        inputConfiguration={"s3Uri": uri},
        outputConfiguration={"s3Uri": f"s3://{BUCKET}/out"},
        dataAutomationProfileArn=profile,
        dataAutomationConfiguration={"dataAutomationProjectArn": project},
    )["invocationArn"]
    while (answer := runtime.conn.get_data_automation_status(invocationArn=arn))["status"] != "Success":
        time.sleep(0.1)
    job = Job(uri, answer["outputConfiguration"]["s3Uri"], arn)

    with DAG("bench", schedule=None) as dag:

        @task
        def extract_all(ti: Any = None) -> Any:
            place = (ti.dag_id, ti.run_id, ti.task_id, -1)
            batch = MadeBatch(BdaBaseHook(), f"s3://{BUCKET}/out", place, [job], sizes["documents"])
            ti.xcom_push(key="bda_batch", value=batch.told())
            return batch.finish()

        extract_all()

    run = run_dag(dag)
    assert run.state == "success"
    told = run.xcom("extract_all", "bda_batch")
    copy_run(s3, run.run_id, told, sizes["batches"])
    from airflow_provider_bda.batch.document import document_id_of

    return run.run_id, document_id_of(uri)


def copy_run(s3: Any, run_id: str, told: dict[str, Any], batches: int) -> None:
    """Copy a run in Airflow's tables; every other one is deferred and has files of its own that say so."""
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import insert, select

    tables = [model.__table__ for model in (DagRun, TaskInstance, XComModel)]
    folder = told["batch_s3_uri"].removeprefix(f"s3://{BUCKET}/")
    progress = json.loads(s3.get_object(Bucket=BUCKET, Key=f"{folder}/progress.json")["Body"].read())
    with create_session() as session:
        runs, instances, xcoms = (
            [dict(row._mapping) for row in session.execute(select(table).where(table.c.run_id == run_id))]
            for table in tables
        )
        for number in range(1, batches):
            name, running = f"copy-{number}", number % 2 == 0
            uri = f"s3://{BUCKET}/out/_batches/{name}"
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
                s3.put_object(Bucket=BUCKET, Key=f"out/_batches/{name}/progress.json", Body=body)


def log_in() -> Any:
    """Answer a client of the api-server that is logged in."""
    from airflow.api_fastapi.app import create_app, get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    app = create_app(apps="core")
    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ada", role="ADMIN"))
    return TestClient(app, headers={"Authorization": f"Bearer {token}"})


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4]))
