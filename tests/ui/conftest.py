"""One Airflow database with real runs, one emulator and the real api-server application, for all tests of the UI."""

from __future__ import annotations

import json
import os
import warnings
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bda.emulator import Emulator, Settings
from airflow_provider_bda.emulator.dag_run import AirflowDatabase, run_dag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUCKET = "ui-documents"
USERS = {"ada": "admin", "vic": "viewer", "noel": "user"}
#: What a document may hold that a browser would like to run.
SCRIPT = "<script>window.broken=1</script>"
IMAGE = '"><img src=x onerror="window.broken=1">'


@contextmanager
def _airflow(aws: Emulator, database: AirflowDatabase) -> Iterator[None]:
    """Let Airflow use the world's connection, users and database; only for a while, other folders have theirs."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(aws.connection()))
        patch.setenv(
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", ",".join(f"{n}:{r}" for n, r in USERS.items())
        )
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a" * 64)
        with database.active():
            yield


@pytest.fixture(scope="session")
def built_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Runs of three Dags, and the application that shows them, made once."""
    with Emulator(Settings(duration=0.0)) as aws, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = tmp_path_factory.mktemp("ui")
        database = AirflowDatabase(folder)
        with _airflow(aws, database):
            world = SimpleNamespace(aws=aws, database=database, **_runs(aws, folder))
            world.app = _application()
        yield world


@pytest.fixture
def ui_world(built_world: SimpleNamespace) -> Iterator[SimpleNamespace]:
    """Runs of three Dags, and the application that shows them."""
    with _airflow(built_world.aws, built_world.database):
        yield built_world


def _runs(aws: Emulator, folder: Path) -> dict[str, Any]:
    from airflow.sdk import DAG, task

    from airflow_provider_bda.operators.invocation import BdaInvokeOperator
    from demo.demo_batch import DemoBatch, Job
    from demo.documents import BLUEPRINTS, make_documents

    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    bda = aws.client("bedrock-data-automation")
    blueprints = [
        bda.create_blueprint(
            blueprintName=name, type="DOCUMENT", schema=json.dumps(schema), blueprintStage="LIVE"
        )
        for name, schema in BLUEPRINTS.items()
    ]
    custom = {
        "blueprints": [
            {"blueprintArn": made["blueprint"]["blueprintArn"], "blueprintStage": "LIVE"}
            for made in blueprints
        ]
    }
    project = bda.create_data_automation_project(
        projectName="ui", standardOutputConfiguration={}, customOutputConfiguration=custom
    )["projectArn"]
    files = make_documents(folder / "documents")
    for path in files:
        s3.upload_file(str(path), BUCKET, f"in/{path.name}")
    hostile = f"Invoice number: {SCRIPT}\nVendor name: {IMAGE}\nTotal amount due: 7\n"
    s3.put_object(Bucket=BUCKET, Key="in/hostile.txt", Body=hostile.encode())
    s3.put_object(Bucket=BUCKET, Key="in/broken.pdf", Body=b"%PDF-1.7\nthis is no PDF")
    names = [*(path.name for path in files), "hostile.txt", "broken.pdf"]

    with DAG("open_dag", schedule=None) as open_dag:
        BdaInvokeOperator.partial(
            task_id="extract", output_s3_uri=f"s3://{BUCKET}/out", project=project, poll_interval=0.1
        ).expand(input_s3_uri=[f"s3://{BUCKET}/in/{name}" for name in names])

    with DAG("secret_dag", schedule=None) as secret_dag:
        BdaInvokeOperator(
            task_id="extract",
            input_s3_uri=f"s3://{BUCKET}/in/{files[0].name}",
            output_s3_uri=f"s3://{BUCKET}/secret",
            project=project,
            poll_interval=0.1,
        )

    mapped = run_dag(open_dag)
    single = run_dag(secret_dag)
    result = mapped.xcom("extract", map_index=0)
    jobs = [
        Job(f"s3://{BUCKET}/in/{names[index]}", done["output_s3_uri"], done["invocation_arn"])
        for index in range(len(files))
        if (done := mapped.xcoms.get(("extract", index, "return_value")))
    ]

    with DAG("batch_dag", schedule=None) as batch_dag:

        @task
        def finished(ti=None):
            batch = DemoBatch(s3, f"s3://{BUCKET}/out", (ti.dag_id, ti.run_id, ti.task_id, -1), jobs, 2_500)
            ti.xcom_push(key="bda_batch", value=batch.told())
            return batch.finish()

        @task
        def half(ti=None):
            batch = DemoBatch(s3, f"s3://{BUCKET}/out", (ti.dag_id, ti.run_id, ti.task_id, -1), jobs, 20_000)
            ti.xcom_push(key="bda_batch", value=batch.told())
            batch.write_progress(12_345)
            batch.write_results(12_345)

        @task
        def other():
            return 1

        finished()
        half()
        other()

    batches = run_dag(batch_dag)
    return {
        "names": names,
        "open": mapped,
        "secret": single,
        "batches": batches,
        "result": result,
        "project": project,
        "files": files,
    }


def _application() -> Any:
    from airflow.api_fastapi.app import create_app

    return create_app(apps="core")


@pytest.fixture
def ui(ui_world: SimpleNamespace) -> SimpleNamespace:
    """The world, with nothing remembered of another test."""
    from airflow_provider_bda.ui import reading

    reading.forget()
    return ui_world


@pytest.fixture
def client_of(ui_world):
    """A client of the api-server as a user; None for nobody."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fastapi.testclient import TestClient
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    def client(name: str | None, **kwargs: Any) -> Any:
        headers = {}
        if name is not None:
            user = SimpleAuthManagerUser(username=name, role=USERS[name].upper())
            headers["Authorization"] = f"Bearer {get_auth_manager().generate_jwt(user)}"
        return TestClient(ui_world.app, headers=headers, raise_server_exceptions=False, **kwargs)

    return client


@pytest.fixture
def ada(client_of):
    return client_of("ada")
