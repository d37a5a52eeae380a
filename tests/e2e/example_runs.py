"""Runs of the example Dags for the test of a real Airflow."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from demo.airflow_process import COMPONENTS
from tests.example_world import conf, stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_bda.emulator import Emulator
    from demo.airflow_process import RealAirflow


class Runs:
    """A run of each example, in an Airflow that has no other and whose Dags are paused.

    They are let go by one call. The api-server notes each call that changes something in the thread that serves all
    others (3.3.2): where a task's own call holds SQLite's lock meanwhile, both stand still until SQLite gives up.
    """

    def __init__(self, airflow: RealAirflow, aws: Emulator, dag_ids: Iterable[str]) -> None:
        self.airflow, self.rest = airflow, airflow.rest
        self.aws = aws
        given = conf(aws)
        self.ids = {
            dag_id: self._daily(dag_id)
            if dag_id == "bda_batch_daily"
            else self.rest.trigger(dag_id, given.get(dag_id))
            for dag_id in dag_ids
        }
        self.states: dict[str, str] = {}
        self.rest.call("PATCH", "/dags", body={"is_paused": False}, dag_id_pattern="%", limit=100)

    def _daily(self, dag_id: str) -> str:
        """Start a run of the days in which the documents came: one without a date has no interval."""
        now = datetime.now(UTC)
        start, end = ((now + timedelta(days=days)).isoformat() for days in (-1, 1))
        body = {"logical_date": start, "data_interval_start": start, "data_interval_end": end, "conf": {}}
        return str(self.rest.call("POST", f"/dags/{dag_id}/dagRuns", body=body)["dag_run_id"])

    def wait(self, seconds: float) -> None:
        """Wait until all are over, or the deadline has passed; their states then say so.

        A component of Airflow that has ended fails at once: nothing would go on without it.
        """
        deadline = time.monotonic() + seconds
        while True:
            for name in COMPONENTS:
                if not self.airflow.pids(name):
                    pytest.fail(f"Airflow's {name} has ended:\n{self.airflow.tail(name)}")
            rows = self.rest.call("GET", "/dags/~/dagRuns", limit=100)["dag_runs"]
            self.states = {row["dag_id"]: row["state"] for row in rows}
            if not {"queued", "running"} & set(self.states.values()) or time.monotonic() > deadline:
                return
            time.sleep(1.0)

    def tasks(self, dag_id: str) -> list[dict[str, Any]]:
        """Answer the task instances of an example's run."""
        return self.rest.task_instances(dag_id, self.ids[dag_id])

    def xcom(self, dag_id: str, task_id: str) -> Any:
        """Answer what a task returned; of a mapped task, what each of its instances returned."""
        found = self.rest.task_instances(dag_id, self.ids[dag_id], task_id)
        if {task["state"] for task in found} != {"success"}:
            pytest.fail(self.blame(dag_id))
        values = [self.rest.xcom(task) for task in found]
        if found and found[0]["map_index"] >= 0:
            return values
        (value,) = values
        return value

    def extracted(self, metadata_uri: str) -> list[dict[str, Any]]:
        """Open what a job wrote, and answer the fields with their values, segment by segment."""
        metadata = json.loads(stored(self.aws, metadata_uri))
        segments = [segment for asset in metadata["output_metadata"] for segment in asset["segment_metadata"]]
        outputs = [json.loads(stored(self.aws, segment["custom_output_path"])) for segment in segments]
        return [output["inference_result"] for output in outputs]

    def blame(self, dag_id: str) -> str:
        """Tell how a run stands, and of each task that is not well what its log has."""
        told = [f"the run of {dag_id} is {self.states.get(dag_id)}"]
        for task in self.tasks(dag_id):
            name = f"{dag_id}.{task['task_id']}[{task['map_index']}]"
            told.append(f"{name} is {task['state']}, try {task['try_number']}")
            if task["state"] not in {"success", "skipped", "upstream_failed", "removed", None}:
                told += [f"{name}: {self.rest.failure(task)}", self.rest.log(task)]
        return "\n".join(told)
