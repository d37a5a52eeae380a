"""The peer: what a user writes today on the Amazon provider's own bases, and nothing more.

A waiter for GetDataAutomationStatus, a hook that points at it (``waiter_path`` of the base looks only into the
Amazon provider's folder) and a subclass of ``AwsBaseWaiterTrigger``, as its Bedrock triggers are made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.triggers.base import AwsBaseWaiterTrigger


class PeerHook(AwsBaseHook):
    """The hook of the peer."""

    client_type = "bedrock-data-automation-runtime"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["client_type"] = self.client_type
        super().__init__(*args, **kwargs)

    @property
    def waiter_path(self) -> Path:
        """The waiter lies beside this module."""
        return Path(__file__).with_name("peer_waiters.json")


class PeerTrigger(AwsBaseWaiterTrigger):
    """Wait for one invocation."""

    aws_hook_class = PeerHook

    def __init__(
        self,
        *,
        invocation_arn: str,
        waiter_delay: int = 10,
        waiter_max_attempts: int = 100_000,
        aws_conn_id: str | None = None,
    ) -> None:
        super().__init__(
            serialized_fields={"invocation_arn": invocation_arn},
            waiter_name="data_automation_complete",
            waiter_args={"invocationArn": invocation_arn},
            failure_message="Bedrock Data Automation job failed.",
            status_message="Status of Bedrock Data Automation job is",
            status_queries=["status"],
            return_key="invocation_arn",
            return_value=invocation_arn,
            waiter_delay=waiter_delay,
            waiter_max_attempts=waiter_max_attempts,
            aws_conn_id=aws_conn_id,
        )

    def hook(self) -> PeerHook:
        """Build the hook. Newer releases of the provider do just this; 9.25 leaves it to the subclass."""
        return PeerHook(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            config=self.botocore_config,
        )
