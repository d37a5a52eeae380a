"""The demo's steps: documents to S3, a project, a Dag's run in a real Airflow, its results.

AWS is the embedded emulator; everything else is what a user would do. Whatever ends it, Ctrl-C too, the two
``with`` blocks stop what was started.
"""

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator import Emulator, Settings
from demo.airflow_process import RealAirflow
from demo.airflow_rest import RUN_OVER
from demo.batches import start_batches, with_batches
from demo.kinds import FIXTURES, make_kinds, start_kinds
from demo.report import Outcome, document_outcome, print_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.airflow_rest import AirflowRest, TaskInstance

BUCKET = "bda-demo"
PROJECT = "bda-demo"
DAG_ID = "bda_many_documents"
TASK_ID = "extract"
DAGS_FOLDER = Path(__file__).resolve().parent.parent / "example_dags"
#: What Bedrock Data Automation takes, and text, which only the emulator does.
SUFFIXES = frozenset(
    {".pdf", ".tif", ".tiff", ".docx", ".txt", ".jpg", ".jpeg", ".png"}
    | {".amr", ".flac", ".m4a", ".mp3", ".ogg", ".wav"}
    | {".mp4", ".mov", ".avi", ".mkv", ".webm"}
)
#: What the service's pattern for S3 URIs forbids in a key.
REFUSED_IN_KEYS = re.compile(r'[{}\[\]<>^%`"~#|\x00-\x1f\x7f]')
#: Seconds a job takes at the emulator: long enough to see the tasks deferred.
JOB_SECONDS = (3.0, 6.0)
#: Jobs at once; the pool counts deferred tasks.
POOL = ("bda", 20)
#: Airflow's states of a task in the words of the progress lines, in their order.
SHOWN_STATES = {
    None: "waiting",
    "running": "on a worker",
    "deferred": "deferred while BDA works",
    "up_for_retry": "waiting for a retry",
    "success": "succeeded",
    "failed": "failed",
}


class DemoError(RuntimeError):
    """The demo cannot go on; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for.

    :param docs: a folder of their own files; None makes documents.
    :param out: where everything of this run goes.
    :param keep: whether Airflow stays up until Ctrl-C.
    :param timeout: seconds for the Dag's run; None gives ten minutes and ten seconds for each document.
    """

    docs: Path | None
    out: Path
    keep: bool = False
    timeout: float | None = None


def run_demo(options: Options, say: Callable[[str], None]) -> int:
    """Run the demo and print its table.

    :returns: 0 if every document succeeded, else 1.
    :raises DemoError: there is nothing to process, or the run did not end.
    """
    documents = gather_documents(options, say)
    airflow = RealAirflow(
        options.out / "airflow",
        with_batches(DAGS_FOLDER, options.out / "dags") if options.keep else DAGS_FOLDER,
        progress=say,
        env={
            "PYTHONPATH": str(DAGS_FOLDER.parent),
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
            # Airflow refuses to map over more than 1,024 unless told.
            "AIRFLOW__CORE__MAX_MAP_LENGTH": str(max(1024, len(documents))),
        },
    )
    with Emulator(Settings(duration=JOB_SECONDS, fixtures=FIXTURES)) as aws:
        say(f"Emulator: AWS on this machine at {aws.endpoint_url}")
        upload(aws, documents)
        project = create_project(aws)
        with airflow:
            outcomes = run_dag(aws, airflow.rest, documents, project, options, say)
            print_report(outcomes, places(options, airflow))
            failed = [outcome for outcome in outcomes if not outcome.succeeded]
            if options.keep:
                if options.docs is None:
                    start_kinds(
                        aws,
                        airflow.rest,
                        BUCKET,
                        DAG_ID,
                        make_kinds(options.out / "documents"),
                        project,
                    )
                start_batches(aws, airflow.rest, BUCKET, documents, project)
                say("Batches: one runs for some minutes, one is done, one is a portion, one is stopped")
                stay_up(aws, airflow, say)
        say("Airflow and the emulator are stopped")
    return 1 if failed else 0


def gather_documents(options: Options, say: Callable[[str], None]) -> dict[str, Path]:
    """Make the demo's documents, or take the user's: name -> file.

    :raises DemoError: the folder has nothing that can be processed.
    """
    if options.docs is None:
        from demo.documents import make_documents

        made = make_documents(options.out / "documents")
        say(f"Documents: made {len(made)} in {options.out / 'documents'}")
        return {path.name: path for path in made}
    if not options.docs.is_dir():
        raise DemoError(f"{options.docs} is no folder; give --docs (make demo DOCS=) a folder with documents")
    files = [
        path for path in sorted(options.docs.rglob("*")) if path.is_file() and not _hidden(path, options.docs)
    ]
    usable = [path for path in files if path.suffix.lower() in SUFFIXES]
    for path in files:
        if path not in usable:
            say(f"Documents: skipping {path.relative_to(options.docs)}, no type that can be processed")
    if not usable:
        raise DemoError(
            f"{options.docs} has no file that can be processed; it takes {' '.join(sorted(SUFFIXES))}"
        )
    say(f"Documents: {len(usable)} from {options.docs}")
    documents: dict[str, Path] = {}
    for path in usable:
        given = path.relative_to(options.docs).as_posix()
        name = REFUSED_IN_KEYS.sub("_", given)
        while name in documents:
            name = f"_{name}"
        if name != given:
            say(f"Documents: {given} goes as {name}, for the service refuses some characters in keys")
        documents[name] = path
    return documents


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def upload(aws: Emulator, documents: dict[str, Path]) -> None:
    """Put the documents into the emulator's S3."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for name, path in documents.items():
        s3.upload_file(str(path), BUCKET, f"in/{name}")


def create_project(aws: Emulator) -> str:
    """Create the demo's blueprints and a project with all of them; answer its ARN."""
    from demo.documents import BLUEPRINTS

    bda = aws.client("bedrock-data-automation")
    blueprints = [
        bda.create_blueprint(
            blueprintName=name, type="DOCUMENT", blueprintStage="LIVE", schema=json.dumps(schema)
        )["blueprint"]["blueprintArn"]
        for name, schema in BLUEPRINTS.items()
    ]
    created = bda.create_data_automation_project(
        projectName=PROJECT,
        standardOutputConfiguration={},
        customOutputConfiguration={
            "blueprints": [{"blueprintArn": arn, "blueprintStage": "LIVE"} for arn in blueprints]
        },
    )
    return str(created["projectArn"])


def run_dag(
    aws: Emulator,
    rest: AirflowRest,
    documents: dict[str, Path],
    project: str,
    options: Options,
    say: Callable[[str], None],
) -> list[Outcome]:
    """Run the example Dag on the documents and read what came of each."""
    connection = aws.connection()
    rest.add_connection("aws_default", **connection)
    rest.add_pool(*POOL)
    rest.wait_for_dag(DAG_ID)
    run_id = rest.trigger(
        DAG_ID,
        {
            "documents": [f"s3://{BUCKET}/in/{name}" for name in documents],
            "output_s3_uri": f"s3://{BUCKET}/out",
            "project": project,
        },
    )
    say(f"Dag {DAG_ID}: run {run_id} started")
    began = time.monotonic()
    timeout = options.timeout or 600.0 + 10.0 * len(documents)
    tasks = watch(rest, run_id, list(documents), timeout, say)
    say(f"Dag {DAG_ID}: over after {time.monotonic() - began:.0f} s")
    folder = options.out / "output"
    download(aws, "out/", folder)

    def read(uri: str) -> bytes:
        return (folder / uri.removeprefix(f"s3://{BUCKET}/")).read_bytes()

    return [document_outcome(rest, name, tasks.get(index), read) for index, name in enumerate(documents)]


def watch(
    rest: AirflowRest, run_id: str, names: list[str], timeout: float, say: Callable[[str], None]
) -> dict[int, TaskInstance]:
    """Say what the tasks do until the run is over; answer the last look at them by map index.

    :raises DemoError: it is not over in time.
    """
    deadline = time.monotonic() + timeout
    ended: set[int] = set()
    counted = ""
    while True:
        # Asked before the tasks: once it says the run is over, what follows is their last state.
        state = rest.run_state(DAG_ID, run_id)
        found = {task["map_index"]: task for task in rest.task_instances(DAG_ID, run_id, TASK_ID)}
        tasks = {index: task for index, task in found.items() if index >= 0}
        for index, task in tasks.items():
            if task["state"] in RUN_OVER and index not in ended:
                ended.add(index)
                say(f"  {names[index]}: {task['state']}")
        counts = Counter(SHOWN_STATES.get(task["state"], "waiting") for task in tasks.values())
        line = ", ".join(
            f"{counts[name]} {name}" for name in dict.fromkeys(SHOWN_STATES.values()) if counts[name]
        )
        if line and line != counted:
            say(f"  {line}")
            counted = line
        if state in RUN_OVER:
            return tasks
        if time.monotonic() > deadline:
            raise DemoError(f"run {run_id} is not over after {timeout:.0f} s: {line or state}")
        time.sleep(0.5)


def download(aws: Emulator, prefix: str, folder: Path) -> None:
    """Copy what the jobs wrote from the emulator's S3, which ends with the demo."""
    s3 = aws.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
        for item in page.get("Contents", ()):
            target = folder / item["Key"]
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(BUCKET, item["Key"], str(target))


def places(options: Options, airflow: RealAirflow) -> dict[str, Any]:
    """Name where everything lies."""
    return {
        "Documents": options.docs or options.out / "documents",
        "What BDA wrote": options.out / "output",
        "Task logs": airflow.logs_folder,
        "Airflow's own output": airflow.output_folder,
        "The Dag": DAGS_FOLDER / f"{DAG_ID}.py",
    }


def stay_up(aws: Emulator, airflow: RealAirflow, say: Callable[[str], None]) -> None:
    """Leave Airflow and the emulator up until Ctrl-C."""
    say(f"Airflow: {airflow.url}/dags/{DAG_ID} (nothing to log in to)")
    say(f"Documents: {airflow.url}/plugin/bda")
    say(f"Emulator: {aws.endpoint_url}. Both stop with Ctrl-C")
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        say("stopping")
