"""One sample a job kind: how its operator and sensor are built. A kind joins the parity table by standing here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from airflow_provider_bda.sensors.job import BdaInvocationSensor

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = "arn:aws:bedrock:us-east-1:aws:data-automation-project/public-default"


@dataclass(frozen=True)
class Sample:
    """How a kind's operator and sensor are built against the shared emulator of the tests.

    :param operator: builds the operator that starts a job; takes the waiting arguments.
    :param sensor: builds the sensor on the dict the operator returned; takes the waiting arguments.
    :param varies: what of the result differs between two jobs.
    """

    operator: Callable[..., Any]
    sensor: Callable[..., Any]
    varies: frozenset[str]


def _invoke(**kwargs: Any) -> BdaInvokeOperator:
    return BdaInvokeOperator(
        **{
            "task_id": "a_task",
            "input_s3_uri": "s3://documents/in/invoice.txt",
            "output_s3_uri": "s3://documents/out",
            "project": PROJECT,
            **kwargs,
        }
    )


def _invocation_sensor(result: dict[str, Any], **kwargs: Any) -> BdaInvocationSensor:
    return BdaInvocationSensor(**{"task_id": "a_sensor", "invocation_arn": result, **kwargs})


SAMPLES = {
    "data_automation": Sample(
        operator=_invoke,
        sensor=_invocation_sensor,
        varies=frozenset({"handle", "invocation_arn", "output_s3_uri", "job_submission_time"}),
    ),
}
