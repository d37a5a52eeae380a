"""The only place that asks which Airflow this is.

The floor is Airflow 3.1. What 3.3 added (task state store, starting in the triggerer, retry policies) is gated here.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow import __version__ as _airflow_version
from airflow.sdk.bases.operator import TRIGGER_FAIL_REPR, TriggerFailureReason

try:  # 3.2 moved the tree into the task SDK; the old place warns there
    from airflow.sdk.exceptions import (
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
        TaskDeferralTimeout,
        TaskDeferred,
    )
except ImportError:  # Airflow 3.1
    from airflow.exceptions import (  # type: ignore[no-redef,attr-defined,unused-ignore]
        AirflowException,
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
        TaskDeferralTimeout,
        TaskDeferred,
    )

try:  # the SDK's configuration is what task code is meant to read; 3.1 has only core's
    from airflow.sdk.configuration import conf
except ImportError:  # Airflow 3.1
    from airflow.configuration import conf  # type: ignore[no-redef,assignment,unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CAN_START_FROM_TRIGGER",
    "TRIGGER_FAILED",
    "TRIGGER_TIMED_OUT",
    "AirflowException",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "TaskDeferralTimeout",
    "TaskDeferred",
    "conf",
    "lineage_collector",
    "retry_policies",
    "state_seen_from_trigger",
    "state_store",
    "stats_backend",
]

#: ``next_method`` of a task whose trigger did not end as it should, and the reason "its timeout passed".
TRIGGER_FAILED: str = TRIGGER_FAIL_REPR
TRIGGER_TIMED_OUT: str = TriggerFailureReason.TRIGGER_TIMEOUT.value

#: 3.1 and 3.2 have the argument and never act on it.
CAN_START_FROM_TRIGGER: bool = tuple(int(part) for part in _airflow_version.split(".")[:2]) >= (3, 3)


def state_store(context: Mapping[str, Any]) -> Any | None:
    """Answer the task state store (AIP-103), shared by all tries of a task instance; None before Airflow 3.3."""
    return context.get("task_state_store")


async def state_seen_from_trigger(ti: Any) -> str | None:
    """Ask Airflow for the state of a task instance, from the triggerer; None is a state: just cleared.

    :raises LookupError: Airflow does not know the task instance, or nobody can be asked here.
    """
    from airflow.sdk.execution_time import comms, task_runner  # noqa: PLC0415 - only a triggerer has a use for it

    supervisor = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if supervisor is None:
        raise LookupError("this process has no supervisor to ask")
    question = comms.GetTaskStates(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    )
    answer = await supervisor.asend(question)
    # Airflow names a mapped task instance so in its answer.
    name = ti.task_id if ti.map_index is None or ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
    states: Mapping[str, Any] = getattr(answer, "task_states", {}).get(ti.run_id, {})
    if name not in states:
        raise LookupError(f"Airflow gave no state of {name}")
    return None if states[name] is None else str(states[name])


def stats_backend() -> Any:
    """Answer what this process sends its metrics to, with Airflow's ``incr``, ``gauge`` and ``timing``.

    Airflow 3.2 and newer have two of the same content: the task SDK's, which a worker sets up, and core's, which the
    triggerer does. Before there is one.
    """
    found = []
    for name in ("airflow.sdk.observability.stats", "airflow.observability.stats"):
        try:
            module = import_module(name)
        except ImportError:
            continue
        found.append(module if hasattr(module, "incr") else module.Stats)  # a class in Airflow 3.2
    for backend in found:
        if _is_set_up(backend):
            return backend
    return found[0] if found else import_module("airflow.stats").Stats


def _is_set_up(backend: Any) -> bool:
    """Tell whether a process has set its metrics up there. Nothing public tells; asking it for a method would set it up."""
    if isinstance(backend, type):
        factory = getattr(backend, "factory", None)
        return factory is not None and getattr(factory, "__name__", "") != "NoStatsLogger"
    # It is where its functions live.
    return getattr(sys.modules.get(backend.incr.__module__), "_factory", None) is not None


def lineage_collector() -> Any:
    """Answer the collector of what hooks read and write: one that does nothing where no plugin reads it."""
    try:
        module = import_module("airflow.sdk.lineage")
    except ImportError:  # Airflow 3.1
        module = import_module("airflow.lineage.hook")
    return module.get_hook_lineage_collector()


def retry_policies() -> Any | None:
    """Answer the module of retry policies; None before Airflow 3.3."""
    try:
        from airflow.sdk.definitions import retry_policy  # noqa: PLC0415 - not there before 3.3
    except ImportError:
        return None
    return retry_policy
