"""One Airflow database with real runs, one emulator and the real api-server application, for all tests of the UI."""

from __future__ import annotations

import asyncio
import json
import os
import time
import warnings
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_bda.batch.ledger import Segment, parse
from airflow_provider_bda.emulator import Emulator, Settings
from airflow_provider_bda.emulator.dag_run import AirflowDatabase, run_dag
from demo.made_batch import Job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUCKET = "ui-documents"
USERS = {"ada": "admin", "vic": "viewer", "noel": "user"}
#: In the name of a file whose job takes an hour.
SLOW = "slow"
HOUR = 3600.0
BROKEN = b"%PDF-1.7\nthis is no PDF"
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
    with (
        Emulator(Settings(duration=lambda job: HOUR if SLOW in job.input_uri else 0.0)) as aws,
        warnings.catch_warnings(),
    ):
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
    from airflow.sdk import DAG

    from airflow_provider_bda.operators.invocation import BdaInvokeOperator
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
    s3.put_object(Bucket=BUCKET, Key="in/broken.pdf", Body=BROKEN)
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
    jobs = [
        Job(f"s3://{BUCKET}/in/{names[index]}", done["output_s3_uri"], done["invocation_arn"])
        for index in range(len(files))
        if (done := mapped.xcoms.get(("extract", index, "return_value")))
    ]
    return {
        "names": names,
        "open": mapped,
        "secret": single,
        "batches": run_batches(aws, project, files[0].read_bytes()),
        "made": run_made_batches(jobs),
        "result": mapped.xcom("extract", map_index=0),
        "project": project,
        "files": files,
    }


def run_batches(aws: Emulator, project: str, body: bytes) -> Any:
    """Run real batches: one that is done, two that ended early, and one whose engine is at work."""
    from airflow.sdk import DAG, task

    from airflow_provider_bda.batch import engine
    from airflow_provider_bda.operators.batch import BdaBatchOperator

    def upload(name: str, documents: dict[str, bytes]) -> dict[str, Any]:
        for key, content in documents.items():
            aws.client("s3").put_object(Bucket=BUCKET, Key=f"{name}/{key}", Body=content)
        return {
            "task_id": name,
            "source": f"s3://{BUCKET}/{name}/",
            "output_s3_uri": f"s3://{BUCKET}/out",
            "project": project,
            "log_interval": 0.1,
            "deferrable": False,
            "retries": 0,
        }

    good = {f"{number:02d}.pdf": body for number in range(6)}
    bad = {"70.pdf": BROKEN, "71.pdf": BROKEN, "72.pdf": b"", "80.pdf": body, "81.pdf": body, "82.pdf": body}
    slow = {f"{number}-{SLOW}.pdf": body for number in range(90, 96)}

    class HalfWay(BdaBatchOperator):
        """A batch whose engine is cut off when nothing moves any more but what takes an hour."""

        async def _drive(self, layout):
            working = asyncio.create_task(super()._drive(layout))
            deadline = time.monotonic() + 300
            while _running(aws, layout) != 4:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            raise RuntimeError("cut off")

    with DAG("batch_dag", schedule=None) as batch_dag, pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "INTERVAL", (0.05, 0.1))
        BdaBatchOperator(**upload("finished", good | bad), tolerated_failures=9)
        BdaBatchOperator(**upload("portion", good), max_documents=2)
        BdaBatchOperator(**upload("stopped", bad), max_consecutive_rejections=2, max_concurrent_jobs=1)
        HalfWay(**upload("half", good | {"70.pdf": BROKEN} | slow), max_concurrent_jobs=2)

        @task
        def other():
            return 1

        other()
        run = run_dag(batch_dag)
    set_state("batch_dag", "half", "deferred")
    return run


def _running(aws: Emulator, layout: Any) -> int | None:
    """Answer how many jobs run of those that end never, once no other does: in the ledger, as the monitor reads it."""
    s3 = aws.client("s3")
    bucket, _, prefix = layout.ledger(0).removeprefix("s3://").partition("/")
    known = Segment(13)
    for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ()):
        for record in parse(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()):
            known.add(record)
    states = [known.state(place) for place in range(13)]
    ended = sum(state.outcome is not None for state in states)
    return sum(state.last is not None for state in states) - ended if ended == 7 else None


def set_state(dag_id: str, task_id: str, state: str) -> None:
    """Let a task that has ended look as if it went on."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        where = (TaskInstance.dag_id == dag_id, TaskInstance.task_id == task_id)
        session.execute(update(TaskInstance).where(*where).values(state=state, end_date=None))


def run_made_batches(jobs: list[Job]) -> Any:
    """Write large batches as if they had run: one that is done, one in its second segment."""
    from airflow.sdk import DAG, task

    from airflow_provider_bda.hooks.base import BdaBaseHook
    from demo.made_batch import MadeBatch

    with DAG("made_dag", schedule=None) as dag:

        def made(ti, total):
            place = (ti.dag_id, ti.run_id, ti.task_id, -1)
            batch = MadeBatch(BdaBaseHook(), f"s3://{BUCKET}/out", place, jobs, total)
            ti.xcom_push(key="bda_batch", value=batch.told())
            return batch

        @task
        def whole(ti=None):
            return made(ti, 2_500).finish()

        @task
        def part(ti=None):
            batch = made(ti, 20_000)
            batch.tell(batch.work(12_345))

        whole()
        part()
        run = run_dag(dag)
    set_state("made_dag", "part", "deferred")
    return run


def _application() -> Any:
    from airflow.api_fastapi.app import create_app

    return create_app(apps="core")


@pytest.fixture
def ui(ui_world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The world, with nothing remembered of another test, and time to read all of it."""
    from airflow_provider_bda.ui import reading

    monkeypatch.setattr(reading, "BUDGET", 60.0)
    forget()
    return ui_world


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    """End the process that waits to draw the next page."""
    from airflow_provider_bda.ui import pages

    yield
    pages.forget()


def forget() -> None:
    """Let the monitor forget what it has read."""
    from airflow_provider_bda.ui import batches, monitor, open_segments, reading

    reading.forget()
    open_segments.forget()
    batches._PARTS.clear()
    batches._FOUND.clear()
    monitor._STATUSES.clear()


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
