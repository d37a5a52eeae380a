"""The asynchronous part of ``bedrock-runtime``: StartAsyncInvoke, GetAsyncInvoke and ListAsyncInvokes.

The synchronous operations are left to moto. Guessed: the words for an unknown invocation (the model has no
ResourceNotFoundException there) and that a list without a sort order starts with the newest.
"""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.backing import ObjectMissing
from airflow_provider_bda.emulator.messages import invalid
from airflow_provider_bda.emulator.runner import Ending, Job
from airflow_provider_bda.emulator.services.arns import arn, s3_uri
from airflow_provider_bda.emulator.services.model_outputs import input_uri_of, output_files
from airflow_provider_bda.emulator.services.paging import page_after
from airflow_provider_bda.emulator.services.tagging import as_dict
from airflow_provider_bda.jobs import Outcome
from airflow_provider_bda.jobs.catalog import ASYNC_INVOKE as KIND
from airflow_provider_bda.jobs.profile import partition_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.calls import Call
    from airflow_provider_bda.emulator.messages import HttpRequest
    from airflow_provider_bda.emulator.routing import Route
    from airflow_provider_bda.emulator.world import World

_ALPHABET = string.ascii_lowercase + string.digits
_SERVED = frozenset({"StartAsyncInvoke", "GetAsyncInvoke", "ListAsyncInvokes"})


class AsyncInvokes:
    """Invokes of models that write their answer to S3."""

    name = "bedrock-runtime"
    # Reads the input and writes vectors in a worker thread; the list of a large account is quick enough.
    blocking: frozenset[str] = frozenset()

    def __init__(self, world: World) -> None:
        self._world = world

    def claims(self, route: Route, request: HttpRequest) -> bool:  # noqa: ARG002 - the operation says it
        """Leave the synchronous operations to moto."""
        return route.operation.name in _SERVED

    def input_uri(self, parameters: Mapping[str, Any]) -> str:
        """Name the input of an invoke, or its model if the input is in the request itself."""
        if job := self._world.runner.get(parameters.get("invocationArn", "")):
            return job.input_uri
        return input_uri_of(parameters.get("modelInput")) or str(parameters.get("modelId", ""))

    def start_async_invoke(self, call: Call) -> Mapping[str, Any]:
        """Start an invoke; the same token with the same parameters answers the one there is."""
        parameters = {name: value for name, value in call.parameters.items() if name != "clientRequestToken"}
        if not isinstance(parameters["modelInput"], dict):
            raise invalid("modelInput must be a JSON object.")
        token = call.parameters.get("clientRequestToken")

        def submit() -> tuple[Mapping[str, Any], Any]:
            job = self._job(call, parameters)
            job.detail["token"] = token
            self._world.runner.submit(job)
            self._world.tags[job.arn] = as_dict(parameters.get("tags"))
            return {"invocationArn": job.arn}, lambda: job.ended

        key = (self.name, call.account, call.region, token)
        return self._world.tokens.once(key, parameters, submit, conflict="ConflictException")

    def get_async_invoke(self, call: Call) -> Mapping[str, Any]:
        """Answer one invoke."""
        job = self._world.runner.get(call.parameters["invocationArn"])
        if job is None:
            raise invalid(f"The invocation {call.parameters['invocationArn']} does not exist.")
        return _shown(job)

    def list_async_invokes(self, call: Call) -> Mapping[str, Any]:
        """Answer invokes by time of submission and status, in pages."""
        parameters = call.parameters
        after, before = parameters.get("submitTimeAfter"), parameters.get("submitTimeBefore")
        wanted = parameters.get("statusEquals")
        rows = [
            (number, job)
            for number, job in enumerate(self._world.runner.jobs_of(KIND, call.account, call.region))
            if (after is None or job.submitted > after.timestamp())
            and (before is None or job.submitted < before.timestamp())
            and wanted in (None, job.status)
        ]
        falling = parameters.get("sortOrder", "Descending") == "Descending"
        found = page_after("asyncInvokeSummaries", rows, parameters, falling=falling)
        return {**found, "asyncInvokeSummaries": [_shown(job) for job in found["asyncInvokeSummaries"]]}

    def _job(self, call: Call, parameters: Mapping[str, Any]) -> Job:
        job_id = "".join(secrets.choice(_ALPHABET) for _ in range(12))
        target = s3_uri(parameters["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"])
        uri = self.input_uri(parameters)
        model = parameters["modelId"]
        return Job(
            kind=KIND,
            id=job_id,
            arn=arn(call, "async-invoke", job_id),
            account=call.account,
            region=call.region,
            lane=model,
            input_uri=uri,
            request=dict(parameters),
            work=self._invoke,
            fault=self._world.faults.for_job(call.operation, uri),
            detail={
                "output_bucket": target.bucket,
                "output_prefix": "/".join(filter(None, (target.key.rstrip("/"), job_id))),
                "model_arn": model
                if model.startswith("arn:")
                else f"arn:{partition_of(call.region)}:bedrock:{call.region}::foundation-model/{model}",
            },
        )

    def _invoke(self, job: Job) -> Ending:
        """Write what the model would write, in a worker thread."""
        try:
            files = output_files(job, self._world.moto, self._world.settings)
            self._world.moto.write_objects(job.region, job.detail["output_bucket"], files)
        except ObjectMissing as error:
            return Ending(Outcome.BROKEN, error_message=str(error))
        return Ending(Outcome.SUCCEEDED)


def _shown(job: Job) -> dict[str, Any]:
    # The status is read first: it is written last, so everything read after it is at least as new.
    status = job.status
    finished = KIND.outcome(status) is not None
    output = job.request["outputDataConfig"]["s3OutputDataConfig"]
    where = f"s3://{job.detail['output_bucket']}/{job.detail['output_prefix']}"
    return {
        "invocationArn": job.arn,
        "modelArn": job.detail["model_arn"],
        "clientRequestToken": job.detail["token"],
        "status": status,
        "failureMessage": job.error_message if finished else None,
        "submitTime": job.submitted,
        "lastModifiedTime": job.ended if finished else job.submitted,
        "endTime": job.ended if finished else None,
        "outputDataConfig": {"s3OutputDataConfig": {**output, "s3Uri": where}},
    }
