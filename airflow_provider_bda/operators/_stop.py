"""Stopping a job from the worker, where its service can; and the plain truth in the log where it cannot.

It never fails a task: whoever stops a job is on the way out, or about to submit another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bda.jobs.kind import method_name
from airflow_provider_bda.waiting.errors import CALL_ERRORS, call_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.operators._base import BdaJobOperator


def stop_job(op: BdaJobOperator, handle: Mapping[str, str], which: str = "") -> None:
    """Ask the service to stop a job, and log what came of it.

    :param which: says in the log which job it is, e.g. " of before the clear".
    """
    name = f"{op.job.title} {op.job.describe_handle(handle)}{which}"
    if op.job.stop_operation is None:
        op.log.warning("%s goes on and is billed: the service has no operation that stops it", name)
        return
    try:
        op.hook.call(method_name(op.job.stop_operation), handle)
    except CALL_ERRORS as raised:
        error = call_error(raised)
        op.log.warning("%s was not stopped and may go on: %s: %s", name, error.code, error.message)
    else:
        op.log.info("%s was told to stop", name)
