"""The only place that asks which Airflow this is.

The floor is Airflow 3.1. What 3.3 added (the task state store, starting in the triggerer) is gated here.
"""

from __future__ import annotations

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
    "state_store",
]

#: ``next_method`` of a task whose trigger did not end as it should, and the reason "its timeout passed".
TRIGGER_FAILED: str = TRIGGER_FAIL_REPR
TRIGGER_TIMED_OUT: str = TriggerFailureReason.TRIGGER_TIMEOUT.value

#: 3.1 and 3.2 have the argument and never act on it.
CAN_START_FROM_TRIGGER: bool = tuple(int(part) for part in _airflow_version.split(".")[:2]) >= (3, 3)


def state_store(context: Mapping[str, Any]) -> Any | None:
    """Answer the task state store (AIP-103), shared by all tries of a task instance; None before Airflow 3.3."""
    return context.get("task_state_store")
