"""The parts of Airflow that surround a task, as fakes we own: enough to run an operator's methods in a test."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class FakeTaskInstance:
    """One try of a task instance, with the XComs it pushed."""

    dag_id: str = "a_dag"
    run_id: str = "a_run"
    task_id: str = "a_task"
    map_index: int = -1
    try_number: int = 1
    max_tries: int = 0
    xcoms: dict = field(default_factory=dict)

    def xcom_push(self, key, value):
        self.xcoms[key] = value

    def xcom_pull(self, key, task_ids=None, map_indexes=None):
        return self.xcoms.get(key)


class FakeStateStore(dict):
    """Airflow 3.3's task state store: shared by all tries of a task instance."""

    def set(self, key, value, *, retention=None):
        self[key] = value


class FakeRun:
    """The tries of one task instance, as Airflow lives through them."""

    def __init__(self, operator_factory, *, retries=0, store=True, **identity):
        self.make = operator_factory
        self.retries = retries
        self.store = FakeStateStore() if store else None
        self.identity = {"map_index": -1, **identity}
        self.tries = 0
        self.max_tries = retries
        self.ti = None

    def next_try(self):
        """Begin another try, a retry of the one before."""
        self.tries += 1
        self.ti = FakeTaskInstance(try_number=self.tries, max_tries=self.max_tries, **self.identity)
        context = {"ti": self.ti}
        if self.store is not None:
            context["task_state_store"] = self.store
        return self.make(retries=self.retries), context

    def clear(self):
        """Clear the task instance, as Airflow does: ``max_tries`` leaves room for all retries again."""
        self.max_tries = self.tries + self.retries
