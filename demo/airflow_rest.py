"""Airflow's REST API as far as the demo and the end-to-end tests speak it.

It asks what a user with a browser or ``curl`` could ask, so it proves what they would see. No Airflow
is imported: the process that watches needs none of its start-up time.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping

TaskInstance = dict[str, Any]
#: States in which a run is over.
RUN_OVER = frozenset({"success", "failed"})
#: Seconds for which a call is made again whose transaction SQLite did not let in: on a busy machine others hold it
#: for longer than the five seconds it waits.
BUSY = 60.0


class AirflowApiError(RuntimeError):
    """The API refused a call; the message has its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class AirflowRest:
    """A client of one Airflow.

    :param url: where the api-server listens.
    :param user: user name of SimpleAuthManager; the password is the name. None asks for the token that
        an Airflow of administrators gives to everybody.
    """

    def __init__(self, url: str, *, user: str | None = None) -> None:
        self._user = user
        # A proxy of the environment is not for this machine.
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=120.0)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def health(self) -> dict[str, Any] | None:
        """Answer what the api-server says of each component; None while it does not answer."""
        try:
            return dict(self._http.get("/api/v2/monitor/health").raise_for_status().json())
        except (httpx.HTTPError, ValueError):
            return None

    def token(self) -> str:
        """Log in and answer the JWT."""
        if self._user is None:
            answer = self._http.get("/auth/token")
        else:
            answer = self._http.post("/auth/token", json={"username": self._user, "password": self._user})
        return str(_checked(answer)["access_token"])

    def call(self, method: str, path: str, *, body: Any = None, **params: Any) -> Any:
        """Call ``/api/v2{path}`` and answer its JSON.

        :raises AirflowApiError: the API refused it.
        """
        if "Authorization" not in self._http.headers:
            self._http.headers["Authorization"] = f"Bearer {self.token()}"
        deadline = time.monotonic() + BUSY
        while True:
            answer = self._http.request(method, f"/api/v2{path}", json=body, params=params)
            # Nothing of such a call has happened: Airflow took its transaction back.
            if not _met_a_busy_database(answer) or time.monotonic() > deadline:
                return _checked(answer)
            time.sleep(0.5)

    def living(self, job_type: str) -> list[dict[str, Any]]:
        """List the components of a type ("TriggererJob") whose heart beats."""
        return list(self.call("GET", "/jobs", job_type=job_type, is_alive=True)["jobs"])

    # --- set-up ------------------------------------------------------------------------------

    def add_connection(
        self, connection_id: str, conn_type: str, *, extra: Mapping[str, Any], **fields: Any
    ) -> None:
        """Store a connection in Airflow's database.

        Not an environment variable: that would hide a trigger that cannot read the database's.
        """
        body = {"connection_id": connection_id, "conn_type": conn_type, "extra": json.dumps(extra), **fields}
        self.call("POST", "/connections", body=body)

    def add_pool(self, name: str, slots: int) -> None:
        """Create a pool that counts deferred tasks too, so that it bounds the jobs that run at the service."""
        self.call("POST", "/pools", body={"name": name, "slots": slots, "include_deferred": True})

    def wait_for_dag(self, dag_id: str, *, timeout: float = 90.0) -> None:
        """Wait until the dag-processor has stored a Dag.

        :raises AirflowApiError: its file cannot be imported, or it did not come in time.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.call("GET", f"/dags/{dag_id}/details")
            except AirflowApiError as error:
                if error.status != 404:
                    raise
            else:
                return
            errors = self.call("GET", "/importErrors")["import_errors"]
            words = "\n".join(f"{error['filename']}: {error['stack_trace']}" for error in errors)
            if errors or time.monotonic() > deadline:
                raise AirflowApiError(
                    404, f"Airflow has no Dag {dag_id}: {words or f'none after {timeout:.0f} s'}"
                )
            time.sleep(0.5)

    # --- runs and tasks ----------------------------------------------------------------------

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run now and answer its id."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", body=body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Answer a run's state."""
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float = 180.0) -> str:
        """Wait until a run is over and answer its state.

        :raises TimeoutError: it is not over in time; the message has the tasks' states.
        """
        deadline = time.monotonic() + timeout
        while (state := self.run_state(dag_id, run_id)) not in RUN_OVER:
            if time.monotonic() > deadline:
                tasks = {_name(task): task["state"] for task in self.task_instances(dag_id, run_id)}
                raise TimeoutError(f"run {run_id} of {dag_id} is {state} after {timeout:.0f} s: {tasks}")
            time.sleep(0.5)
        return state

    def task_instances(self, dag_id: str, run_id: str, task_id: str | None = None) -> list[TaskInstance]:
        """List a run's task instances, or those of one task, by map index."""
        found: list[TaskInstance] = []
        while True:
            page = self.call(
                "GET",
                f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances",
                limit=100,
                offset=len(found),
                order_by="id",
            )
            found += page["task_instances"]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                break
        chosen = [task for task in found if task_id in (None, task["task_id"])]
        return sorted(chosen, key=lambda task: (task["task_id"], task["map_index"]))

    def xcom(self, task: TaskInstance, key: str = "return_value") -> Any:
        """Read what a task instance pushed; None if it pushed nothing under ``key``."""
        path = f"{_path(task)}/xcomEntries/{key}"
        try:
            value = self.call("GET", path, map_index=task["map_index"], deserialize=False)["value"]
        except AirflowApiError as error:
            if error.status == 404:
                return None
            raise
        return json.loads(value) if isinstance(value, str) and value[:1] in '{["' else value

    def links(self, task: TaskInstance) -> dict[str, str | None]:
        """Read a task instance's extra links: their label -> URL, None where there is none yet."""
        return dict(self.call("GET", f"{_path(task)}/links", map_index=task["map_index"])["extra_links"])

    def log(self, task: TaskInstance, *, try_number: int | None = None) -> str:
        """Read a task instance's log of one try (the last), one event a line."""
        return "\n".join(_log_line(line) for line in self._log_lines(task, try_number))

    def failure(self, task: TaskInstance) -> str | None:
        """Read the words of the exception that ended a task instance's last try; None if its log has none."""
        words = [
            str(error["exc_value"])
            for line in self._log_lines(task)
            if line.get("level") == "error"
            for error in line.get("error_detail") or []
        ]
        return words[-1] if words else None

    def _log_lines(self, task: TaskInstance, try_number: int | None = None) -> list[dict[str, Any]]:
        number = try_number or max(task["try_number"], 1)
        answer = self.call(
            "GET", f"{_path(task)}/logs/{number}", map_index=task["map_index"], full_content=True
        )
        return list(answer["content"])

    def mark(self, task: TaskInstance, state: str) -> None:
        """Mark a task instance ``failed``, ``success`` or ``skipped``, as a user does in the UI."""
        self.call("PATCH", _path(task, mapped=True), body={"new_state": state})

    def clear(self, dag_id: str, run_id: str, *tasks: str | tuple[str, int]) -> None:
        """Clear tasks of a run (all, or by id, or by id and map index), so that they run again."""
        body = {"dag_run_id": run_id, "dry_run": False, "only_failed": False, "reset_dag_runs": True}
        if tasks:
            body["task_ids"] = [list(task) if isinstance(task, tuple) else task for task in tasks]
        self.call("POST", f"/dags/{dag_id}/clearTaskInstances", body=body)


def _met_a_busy_database(answer: httpx.Response) -> bool:
    return answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR and '"Database error"' in answer.text


def _checked(answer: httpx.Response) -> Any:
    if answer.is_error:
        words = (
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:2000]}"
        )
        raise AirflowApiError(answer.status_code, words)
    return answer.json() if answer.content else None


def _path(task: TaskInstance, *, mapped: bool = False) -> str:
    """Build a task instance's path; some routes take the map index as a parameter, others as its end."""
    path = f"/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
    return f"{path}/{task['map_index']}" if mapped and task["map_index"] >= 0 else path


def _name(task: TaskInstance) -> str:
    return task["task_id"] if task["map_index"] < 0 else f"{task['task_id']}[{task['map_index']}]"


def _log_line(line: Mapping[str, Any]) -> str:
    more = " ".join(
        f"{key}={value}" for key, value in line.items() if key not in {"timestamp", "event", "level"}
    )
    return f"{line.get('timestamp') or ''} {line.get('level') or ''} {line.get('event')} {more}".strip()
