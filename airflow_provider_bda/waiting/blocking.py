"""Waiting on a worker, with the decision of the triggerer's poller; imports nothing that only a triggerer needs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.waiting import metrics
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from airflow_provider_bda.jobs.decision import JobWait
    from airflow_provider_bda.jobs.event import JobEvent


def wait_blocking(wait: JobWait, describe: Any, interval: float, log_note: Any) -> JobEvent:
    """Wait on the worker with the same decision: the blocking mode of an operator.

    :param describe: called without arguments, makes one status call.
    :param log_note: called with each :class:`Note`.
    """
    while True:
        metrics.status_call(wait.kind)
        try:
            answer = describe()
        except CALL_ERRORS as raised:
            decision = wait.on_error(call_error(raised), time.time())
        else:
            decision = wait.on_answer(answer, time.time())
        for note in decision.notes:
            log_note(note)
        if decision.event is not None:
            return decision.event
        time.sleep(wait.delay(interval, time.time()))
