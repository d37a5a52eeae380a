"""The service ``bedrock-data-automation-runtime``: all six operations.

Kept simple on purpose: KMS keys and permissions are not looked at, and what AWS owns (its public project
and blueprints) exists without being asked about.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_bda.emulator.messages import invalid, not_found
from airflow_provider_bda.emulator.runner import Job
from airflow_provider_bda.emulator.services.analysing import Analyst, Rejected, Task
from airflow_provider_bda.emulator.services.arns import arn, check_profile, s3_uri
from airflow_provider_bda.emulator.services.notices import notify
from airflow_provider_bda.emulator.services.tagging import Tagging, as_dict
from airflow_provider_bda.jobs import JOB_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.calls import Call
    from airflow_provider_bda.emulator.messages import HttpRequest
    from airflow_provider_bda.emulator.routing import Route
    from airflow_provider_bda.emulator.world import World

_KIND = JOB_KINDS["data_automation"]


class Runtime(Tagging):
    """Submits jobs, answers their status, and processes single files while the caller waits."""

    name = "bedrock-data-automation-runtime"
    # The first reads a document, the second the first bytes of an object that may lie in a file.
    blocking = frozenset({"InvokeDataAutomation", "InvokeDataAutomationAsync"})

    def __init__(self, world: World, analyst: Analyst) -> None:
        self._world = world
        self._analyst = analyst

    def claims(self, route: Route, request: HttpRequest) -> bool:  # noqa: ARG002 - its target prefix is its own
        """Say that what carries this service's target is for it."""
        return True

    def input_uri(self, parameters: Mapping[str, Any]) -> str:
        """Name the input of a submission, or of the job whose status is asked for."""
        if job := self._world.runner.get(parameters.get("invocationArn", "")):
            return job.input_uri
        return str(parameters.get("inputConfiguration", {}).get("s3Uri", ""))

    # --- jobs ------------------------------------------------------------------------------------

    def invoke_data_automation_async(self, call: Call) -> Mapping[str, Any]:
        """Submit a job; the same token with the same parameters answers the job there is."""
        parameters = {name: value for name, value in call.parameters.items() if name != "clientToken"}
        self._check(call, "ASYNC")
        _check_video_segment(parameters)
        key = (self.name, call.account, call.region, call.parameters.get("clientToken"))

        def submit() -> tuple[Mapping[str, Any], Any]:
            job = self._job(call, parameters)
            self._world.runner.submit(job)
            self._world.tags[job.arn] = as_dict(parameters.get("tags"))
            return {"invocationArn": job.arn}, lambda: job.ended

        return self._world.tokens.once(key, parameters, submit)

    def get_data_automation_status(self, call: Call) -> Mapping[str, Any]:
        """Answer a job's status."""
        job = self._world.runner.get(call.parameters["invocationArn"])
        if job is None:
            raise not_found(f"No data automation invocation {call.parameters['invocationArn']}.")
        # The status is read first: it is written last, so everything read after it is at least as new.
        status, ended = job.status, job.ended
        finished = ended is not None and _KIND.outcome(status) is not None
        succeeded = status in _KIND.succeeded
        bucket, prefix = job.detail["output_bucket"], job.detail["output_prefix"]
        return {
            "status": status,
            "errorType": job.error_type if finished else None,
            "errorMessage": job.error_message if finished else None,
            "outputConfiguration": {"s3Uri": f"s3://{bucket}/{prefix}/job_metadata.json"}
            if succeeded
            else None,
            "jobSubmissionTime": job.submitted,
            "jobCompletionTime": ended if finished else None,
            "jobDurationInSeconds": int((ended or 0.0) - job.submitted) if finished else None,
        }

    def _job(self, call: Call, parameters: Mapping[str, Any]) -> Job:
        job_id = str(uuid4())
        source = s3_uri(parameters["inputConfiguration"]["s3Uri"])
        target = s3_uri(parameters["outputConfiguration"]["s3Uri"])
        uri = parameters["inputConfiguration"]["s3Uri"]
        task = self._task(call, parameters)
        return Job(
            kind=_KIND,
            id=job_id,
            arn=arn(call, "data-automation-invocation", job_id),
            account=call.account,
            region=call.region,
            lane=self._analyst.modality(call.region, source, task.project),
            input_uri=uri,
            request=dict(parameters),
            work=lambda job: self._analyst.run(job, task),
            watch=lambda job: notify(self._world.moto, job),
            fault=self._world.faults.for_job(call.operation, uri),
            # A URI that ends in "/" leads to "//" in the keys; the live service has been seen to do so.
            detail={
                "output_bucket": target.bucket,
                "output_prefix": f"{target.key}/{job_id}" if target.key else job_id,
            },
        )

    # --- while the caller waits ------------------------------------------------------------------

    def invoke_data_automation(self, call: Call) -> Mapping[str, Any]:
        """Process one file at once and answer its results, or where they were written."""
        parameters = call.parameters
        self._check(call, "SYNC")
        given = parameters["inputConfiguration"]
        if len(given) != 1:
            raise invalid("Exactly one of bytes and s3Uri must be set in inputConfiguration.")
        task = self._task(call, parameters)
        job_id = str(uuid4())
        output = parameters.get("outputConfiguration")
        target = s3_uri(output["s3Uri"]) if output else None
        prefix = f"{target.key}/{job_id}" if target and target.key else job_id
        source = s3_uri(given.get("s3Uri", ""))
        try:
            body = given["bytes"] if "bytes" in given else self._analyst.read(call.region, source)
            analysis = self._analyst.analyse(
                task, body, source, job_id, target.bucket if target else "inline", prefix, sync=True
            )
            if target:
                self._analyst.write(call.region, target.bucket, analysis.files)
        except Rejected as error:
            raise invalid(f"{error.error_type}: {error.message}") from error
        if target:
            where = {"s3Uri": f"s3://{target.bucket}/{prefix}/job_metadata.json"}
            return {"semanticModality": analysis.modality, "outputConfiguration": where}
        return {
            "semanticModality": analysis.modality,
            "outputSegments": _segments(analysis.files, f"{prefix}/job_metadata.json"),
        }

    # --- what both check -------------------------------------------------------------------------

    def _check(self, call: Call, project_type: str) -> None:
        parameters = call.parameters
        check_profile(call, parameters["dataAutomationProfileArn"])
        if not parameters.get("dataAutomationConfiguration") and not parameters.get("blueprints"):
            raise invalid("Either dataAutomationConfiguration or blueprints must be given.")
        if configuration := parameters.get("dataAutomationConfiguration"):
            project = self._analyst.project(configuration)
            if project is not None and project["projectType"] != project_type:
                raise invalid(
                    f"{call.operation} needs a project of type {project_type};"
                    f" {project['projectArn']} is of type {project['projectType']}."
                )
        for item in parameters.get("blueprints", []):
            self._analyst.blueprint(item["blueprintArn"], item.get("version"), item.get("stage"))

    def _task(self, call: Call, parameters: Mapping[str, Any]) -> Task:
        """Settle, at submission, which project and blueprints a job is processed with."""
        configuration = parameters.get("dataAutomationConfiguration")
        project = self._analyst.project(configuration) if configuration else None
        return Task(
            account=call.account,
            region=call.region,
            project=project,
            blueprints=self._analyst.blueprints(parameters.get("blueprints", []), project),
            fallback=self._analyst.fallback(project),
        )


def _check_video_segment(parameters: Mapping[str, Any]) -> None:
    video = parameters["inputConfiguration"].get("assetProcessingConfiguration", {}).get("video", {})
    segment = video.get("segmentConfiguration", {}).get("timestampSegment")
    if segment and segment["endTimeMillis"] <= segment["startTimeMillis"]:
        raise invalid("endTimeMillis must be greater than startTimeMillis.")


def _segments(files: Mapping[str, bytes], metadata_key: str) -> list[dict[str, Any]]:
    """Turn the files of a job into what the synchronous call answers inline."""
    metadata = json.loads(files[metadata_key])

    def text(uri: str | None) -> str | None:
        return files[s3_uri(uri).key].decode() if uri else None

    return [
        {
            "customOutputStatus": segment.get("custom_output_status"),
            "customOutput": text(segment.get("custom_output_path")),
            "standardOutput": text(segment.get("standard_output_path")),
        }
        for asset in metadata["output_metadata"]
        for segment in asset["segment_metadata"]
    ]
