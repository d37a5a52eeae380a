"""What every operator of this package shares: which AWS it talks to, and as whom."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.operators._lineage import Lineage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

#: On the worker our deadline comes before Airflow's own execution_timeout, whose error knows no job: so many
#: seconds, at most a tenth of it.
EXECUTION_MARGIN = 5.0
_RENAMED = {"waiter_delay": "poll_interval", "waiter_max_attempts": "wait_timeout (seconds)"}


class BdaAwsOperator(Lineage, BaseOperator):  # type: ignore[misc,unused-ignore]
    """An operator with a connection.

    :param aws_conn_id: (templated) the Airflow connection. None means boto's own chain of credentials; a
        connection that does not exist is an error.
    :param region_name: (templated) the AWS Region; None for the connection's.
    :param verify: (templated) TLS verification or the path of a CA bundle; None for the connection's.
    :param botocore_config: (templated) arguments of ``botocore.config.Config``.
    """

    hook_class: ClassVar[type[BdaBaseHook]] = BdaBaseHook
    aws_template_fields: ClassVar[tuple[str, ...]] = (
        "aws_conn_id",
        "region_name",
        "verify",
        "botocore_config",
    )
    template_fields: Sequence[str] = aws_template_fields

    def __init__(
        self,
        *,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        for old, new in _RENAMED.items():
            if old in kwargs:
                raise BdaInputError(f"{old}: this operator waits by time; use {new} instead")
        kwargs.setdefault("multiple_outputs", True)
        super().__init__(**kwargs)
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    @property
    def target(self) -> AwsTarget:
        """Which AWS this task talks to."""
        return self.target_of(self.aws_conn_id)

    def target_of(self, conn_id: str | None) -> AwsTarget:
        """Answer the same by another connection: that of S3, say."""
        return AwsTarget.of(conn_id, self.region_name, self.verify, self.botocore_config)

    @cached_property
    def hook(self) -> Any:
        """The hook of the operator's service."""
        return self.hook_class.for_target(self.target)


def execution_limit(task: BaseOperator) -> list[float]:
    """Answer the seconds ``execution_timeout`` leaves, if it is set: Airflow forgets it while a task is deferred."""
    if task.execution_timeout is None:
        return []
    most = float(task.execution_timeout.total_seconds())
    return [most - min(EXECUTION_MARGIN, most / 10)]


def wait_seconds(task: BaseOperator, wait_timeout: timedelta | None, default: timedelta) -> float:
    """Answer the seconds a task may wait in all: the lower of its own limit and ``execution_timeout``.

    :param default: where neither is set.
    """
    limits = [wait_timeout.total_seconds()] if wait_timeout else []
    return min([*limits, *execution_limit(task)], default=default.total_seconds())
