"""Hooks for the two clients of Bedrock Data Automation: the runtime (jobs) and the control plane (resources).

Each operation is a method of its boto3 name that takes boto3's own arguments; errors are
boto3's own too (``botocore.exceptions.ClientError``), except where a docstring says otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.exceptions import BdaInputError, BdaJobError, job_error
from airflow_provider_bda.hooks._control_plane import ControlPlane
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.hooks.lineage import collect, collect_request
from airflow_provider_bda.jobs.catalog import DATA_AUTOMATION
from airflow_provider_bda.jobs.decision import JobWait
from airflow_provider_bda.jobs.kind import Outcome
from airflow_provider_bda.jobs.profile import profile_arn

if TYPE_CHECKING:
    from typing import Literal

    from airflow_provider_bda.check import Report
    from airflow_provider_bda.results import Results

__all__ = ["BedrockDataAutomationHook", "BedrockDataAutomationRuntimeHook"]


class BedrockDataAutomationRuntimeHook(BdaBaseHook):
    """Submit documents, images, audio and video to Bedrock Data Automation and read what it found.

    Takes the arguments of the Amazon provider's ``AwsBaseHook`` (``aws_conn_id``, ``region_name``, ``verify``,
    ``config``). A connection that is named and does not exist is an error.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["client_type"] = "bedrock-data-automation-runtime"
        super().__init__(*args, **kwargs)

    def invoke_data_automation_async(self, **request: Any) -> dict[str, Any]:
        """Submit a job; answers ``{"invocationArn": ...}``. Pass ``clientToken``, or a retry buys a second job."""
        answer = self.call("invoke_data_automation_async", request)
        collect_request(self, request)
        return answer

    def get_data_automation_status(self, **request: Any) -> dict[str, Any]:
        """Answer the status of the job ``invocationArn``. ``status`` may be missing: that is no success."""
        return self.call("get_data_automation_status", request)

    def invoke_data_automation(self, **request: Any) -> dict[str, Any]:
        """Process one small input and answer its output, without a job."""
        answer = self.call("invoke_data_automation", request)
        collect_request(self, request)
        return answer

    def tag_resource(self, **request: Any) -> dict[str, Any]:
        """Put ``tags`` on the job ``resourceARN``."""
        return self.call("tag_resource", request)

    def untag_resource(self, **request: Any) -> dict[str, Any]:
        """Take ``tagKeys`` off the job ``resourceARN``."""
        return self.call("untag_resource", request)

    def list_tags_for_resource(self, **request: Any) -> dict[str, Any]:
        """Answer the tags of the job ``resourceARN``."""
        return self.call("list_tags_for_resource", request)

    def get_results(self, job: str, view: Literal["auto", "redacted", "full"] = "auto") -> Results:
        """Read what a finished job left on S3, as typed views. Bodies are read when they are asked for.

        :param job: the invocation ARN, or the S3 URI of the job's ``job_metadata.json``
            (an operator's ``output_s3_uri``).
        :param view: "redacted" reads the redacted twin of each output, "full" the original, "auto" the
            redacted one where the job wrote one.
        :raises BdaInputError: ``job`` is neither, or the job has not ended.
        :raises BdaJobError: the job ended, and not as success.
        """
        # Here, for every Dag file that names an operator imports this module.
        from airflow_provider_bda.results import load_results  # noqa: PLC0415

        uri = job if job.startswith("s3://") else self._metadata_uri(job)
        results = load_results(self.read_s3, uri, view=view)
        collect(self, read=uri)
        return results

    def read_s3(self, uri: str) -> bytes:
        """Read one S3 object with this hook's connection.

        :raises FileNotFoundError: there is no such object. (Without ``s3:ListBucket`` AWS says AccessDenied.)
        """
        bucket, key = split_s3_uri(uri)
        try:
            body: bytes = self.s3_client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "NoSuchBucket", "404"}:
                raise FileNotFoundError(uri) from error
            raise
        return body

    @property
    def s3_client(self) -> Any:
        """A boto3 client of S3 with this hook's connection: its endpoint table, proxy, CA bundle, role."""
        cached = self.__dict__.get("_s3_client")
        if cached is None:
            cached = self.__dict__["_s3_client"] = self.client_of("s3")
        return cached

    def check(
        self,
        *,
        project: str | None = None,
        project_stage: str | None = None,
        input_s3_uri: str | None = None,
        output_s3_uri: str | None = None,
        kms_key_id: str | None = None,
        profile_arn: str | None = None,
        submit: bool = False,
    ) -> Report:
        """Check whether everything is there that a job needs, and name the IAM statement that is missing.

        Free, unless ``submit``. It writes a small object under the output prefix and deletes it. It raises for
        nothing that AWS or the connection does: the report says it (``report.passed``, ``print(report.text())``).

        :param project: the project's ARN or name.
        :param project_stage: "LIVE" or "DEVELOPMENT".
        :param input_s3_uri: a file, or a prefix that ends in "/".
        :param output_s3_uri: the prefix of the output.
        :param kms_key_id: the customer's key for the output.
        :param profile_arn: the data-automation profile; None for the Region's.
        :param submit: whether to buy one page: submit a made document and wait for it.
        """
        from airflow_provider_bda.check import Plan, run_checks  # noqa: PLC0415 - it is built on the hooks

        plan = Plan(
            project=project,
            project_stage=project_stage,
            input_s3_uri=input_s3_uri,
            output_s3_uri=output_s3_uri,
            kms_key_id=kms_key_id,
            profile_arn=profile_arn,
            submit=submit,
        )
        return run_checks(self, plan)

    def default_profile_arn(self, account: str | None = None) -> str:
        """Build the ARN of the data-automation profile for this hook's Region.

        :param account: the account; None asks STS (GetCallerIdentity).
        :raises BdaInputError: no profile is known for the Region.
        """
        region = self.conn_region_name
        try:
            # An unknown Region is found before STS is asked.
            profile_arn(region, "")
        except ValueError as error:
            raise BdaInputError(f"profile_arn: {error}") from error
        return profile_arn(region, account or self.account_id)

    def _metadata_uri(self, arn: str) -> str:
        if ":data-automation-invocation/" not in arn:
            raise BdaInputError(
                f"job: {arn!r} is neither an invocation ARN nor the s3:// URI of a job_metadata.json; pass the "
                "operator's invocation_arn or output_s3_uri"
            )
        wait = JobWait(DATA_AUTOMATION, {"invocationArn": arn})
        event = wait.on_answer(self.get_data_automation_status(invocationArn=arn), now=0.0).event
        if event is None:
            raise BdaInputError(f"job: {arn} has not ended; wait for it before reading its results")
        if event.outcome is not Outcome.SUCCEEDED:
            raise job_error(DATA_AUTOMATION, event)
        uri: str | None = (event.answer.get("outputConfiguration") or {}).get("s3Uri")
        if not uri:
            raise BdaJobError(
                f"{arn} ended as {event.status}, but its status names no output", **_facts(event)
            )
        return uri


def _facts(event: Any) -> dict[str, Any]:
    return {"kind": event.kind, "handle": event.handle, "status": event.status}


class BedrockDataAutomationHook(ControlPlane, BdaBaseHook):
    """Projects, blueprints and libraries of Bedrock Data Automation: all 27 operations, lists, names.

    Takes the arguments of the Amazon provider's ``AwsBaseHook``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["client_type"] = "bedrock-data-automation"
        super().__init__(*args, **kwargs)
