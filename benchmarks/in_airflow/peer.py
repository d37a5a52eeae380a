"""The peer's operator: one document a task, as the Amazon provider's Bedrock operators are made, on its own bases."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

from benchmarks.waiting.peer import PeerHook, PeerTrigger


class PeerOperator(AwsBaseOperator[PeerHook]):
    """Submit one document on the worker, then defer until its job has ended."""

    aws_hook_class = PeerHook
    template_fields = aws_template_fields("input_s3_uri", "output_s3_uri", "project_arn", "profile_arn")

    def __init__(
        self,
        *,
        input_s3_uri: str,
        output_s3_uri: str,
        project_arn: str,
        profile_arn: str,
        waiter_delay: int = 10,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_s3_uri = input_s3_uri
        self.output_s3_uri = output_s3_uri
        self.project_arn = project_arn
        self.profile_arn = profile_arn
        self.waiter_delay = waiter_delay

    def execute(self, context: Any) -> Any:
        answer = self.hook.conn.invoke_data_automation_async(
            inputConfiguration={"s3Uri": self.input_s3_uri},
            outputConfiguration={"s3Uri": self.output_s3_uri},
            dataAutomationConfiguration={"dataAutomationProjectArn": self.project_arn},
            dataAutomationProfileArn=self.profile_arn,
        )
        return self.defer(
            trigger=PeerTrigger(
                invocation_arn=answer["invocationArn"],
                waiter_delay=self.waiter_delay,
                aws_conn_id=self.aws_conn_id,
            ),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Any, event: dict[str, Any] | None = None) -> str:
        if not event or event["status"] != "success":
            raise RuntimeError(f"Bedrock Data Automation job failed: {event}")
        return str(event["invocation_arn"])
