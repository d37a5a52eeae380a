"""The parts of Airflow that surround a task, as fakes we own: enough to run an operator's methods in a test."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass, field
from types import SimpleNamespace

#: How a triggerer runs: each trigger in a loop of its own, unless a fixture says otherwise.
RUN = asyncio.run


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
    first_reschedule_date: object = None

    def xcom_push(self, key, value):
        self.xcoms[key] = value

    def xcom_pull(self, key, task_ids=None, map_indexes=None):
        return self.xcoms.get(key)

    def get_first_reschedule_date(self, context):
        return self.first_reschedule_date


class FakeLog:
    """A task's log, kept as lines. Put it in the place of ``_log``, where Airflow caches its own."""

    def __init__(self):
        self.lines = []

    def info(self, text, *values):
        self.lines.append(text % values)

    warning = error = info

    def said(self, words):
        return any(words in line for line in self.lines)


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
        self.clear_number = 0
        self.ti = None

    def next_try(self):
        """Begin another try, a retry of the one before."""
        self.tries += 1
        self.ti = FakeTaskInstance(try_number=self.tries, max_tries=self.max_tries, **self.identity)
        context = {"ti": self.ti, "dag_run": SimpleNamespace(clear_number=self.clear_number)}
        if self.store is not None:
            context["task_state_store"] = self.store
        return self.make(retries=self.retries), context

    def clear(self, *, reset_run=True):
        """Clear the task instance, as Airflow does: ``max_tries`` leaves room for all retries again."""
        self.max_tries = self.tries + self.retries
        self.clear_number += reset_run

    def clear_another(self, *, reset_run=True):
        """Clear another task instance of the run: of this one nothing changes, of the run its number."""
        self.clear_number += reset_run


def stored(trigger):
    """Send a trigger through Airflow's database: all that is left of it is its class path and plain JSON."""
    path, kwargs = trigger.serialize()
    module, _, name = path.rpartition(".")
    return getattr(__import__(module, fromlist=[name]), name)(**json.loads(json.dumps(kwargs)))


def in_triggerer(trigger, limit=30.0):
    """Run a stored trigger to its first event."""

    async def first():
        async with asyncio.timeout(limit), aclosing(trigger.run()) as events:
            async for event in events:
                return event
        raise AssertionError("the trigger ended without an event")

    return RUN(first())


def live_through(make, context, limit=30.0, on_defer=lambda trigger: None):
    """Run a task to its end, as Airflow does: on a worker, in the triggerer, on another worker, and so on.

    :param make: builds the operator anew, as each worker does.
    :param on_defer: called with each trigger before the triggerer runs it.
    """
    from airflow_provider_bda._compat import TaskDeferred

    step = make().execute
    arguments = (context,)
    while True:
        try:
            return step(*arguments)
        except TaskDeferred as deferred:
            trigger = stored(deferred.trigger)
            on_defer(trigger)
            event = in_triggerer(trigger, limit)
            kwargs = {"event": json.loads(json.dumps(event.payload))}
            step, arguments = make().resume_execution, (deferred.method_name, kwargs, context)
