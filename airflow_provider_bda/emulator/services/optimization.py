"""Blueprint optimization: two operations of ``bedrock-data-automation``.

The service takes no client token here, so the same request twice is two jobs. The blueprint itself is left as
it is: the new schema stands in the result, and whoever wants it updates the blueprint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_bda.emulator.messages import ServiceError, invalid, not_found
from airflow_provider_bda.emulator.runner import Ending, Job
from airflow_provider_bda.emulator.services.analysing import Analyst, Rejected
from airflow_provider_bda.emulator.services.arns import arn, check_profile, is_public, s3_uri
from airflow_provider_bda.emulator.services.optimizing import Optimizer
from airflow_provider_bda.emulator.services.tagging import as_dict
from airflow_provider_bda.jobs import Outcome
from airflow_provider_bda.jobs.catalog import BLUEPRINT_OPTIMIZATION as KIND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.analysis import Blueprint
    from airflow_provider_bda.emulator.calls import Call
    from airflow_provider_bda.emulator.world import World

_MOST_SAMPLES = 10


class Optimization:
    """Blueprint optimization operations."""

    _world: World
    _analyst: Analyst

    def invoke_blueprint_optimization_async(self, call: Call) -> Mapping[str, Any]:
        """Start an optimization."""
        parameters = call.parameters
        check_profile(call, parameters["dataAutomationProfileArn"])
        count = len(parameters["samples"])
        if not 1 <= count <= _MOST_SAMPLES:
            raise invalid(f"An optimization takes 1 to {_MOST_SAMPLES} samples, not {count}.")
        blueprint = self._optimizable(parameters["blueprint"])
        job_id = str(uuid4())
        target = s3_uri(parameters["outputConfiguration"]["s3Object"]["s3Uri"])
        first = parameters["samples"][0]["assetS3Object"]["s3Uri"]
        # A URI that ends in "/" gives no "//" here: the one real path seen had a plain folder.
        folder = "/".join(filter(None, (target.key.rstrip("/"), job_id, "0")))
        job = Job(
            kind=KIND,
            id=job_id,
            arn=arn(call, "blueprint-optimization-invocation", job_id),
            account=call.account,
            region=call.region,
            lane="",
            input_uri=first,
            request=dict(parameters),
            work=lambda job: self._optimize(job, blueprint),
            fault=self._world.faults.for_job(call.operation, first),
            detail={"output_bucket": target.bucket, "output_prefix": folder},
        )
        self._world.runner.submit(job)
        self._world.tags[job.arn] = as_dict(parameters.get("tags"))
        return {"invocationArn": job.arn}

    def get_blueprint_optimization_status(self, call: Call) -> Mapping[str, Any]:
        """Answer an optimization's status, and once it has succeeded the folder of its result."""
        job = self._world.runner.get(call.parameters["invocationArn"])
        if job is None:
            raise not_found(f"No blueprint optimization {call.parameters['invocationArn']}.")
        status = job.status
        finished = KIND.outcome(status) is not None
        where = f"s3://{job.detail['output_bucket']}/{job.detail['output_prefix']}"
        return {
            "status": status,
            "errorType": job.error_type if finished else None,
            "errorMessage": job.error_message if finished else None,
            "outputConfiguration": {"s3Object": {"s3Uri": where}} if status in KIND.succeeded else None,
        }

    def _optimizable(self, wanted: Mapping[str, Any]) -> Blueprint:
        if is_public(wanted["blueprintArn"]):
            raise invalid("A blueprint that AWS owns cannot be optimized.")
        try:
            blueprint = self._analyst.blueprint(wanted["blueprintArn"], stage=wanted.get("stage"))
        except ServiceError as error:
            raise not_found(error.message) from error
        if blueprint.type != "DOCUMENT":
            raise invalid(
                f"Only blueprints for documents can be optimized; this one is for {blueprint.type}."
            )
        return blueprint

    def _optimize(self, job: Job, blueprint: Blueprint) -> Ending:
        try:
            result = Optimizer(self._world, self._analyst, job, blueprint).run()
            key = f"{job.detail['output_prefix']}/optimization_results.json"
            self._analyst.write(job.region, job.detail["output_bucket"], {key: result})
        except Rejected as error:
            return Ending(Outcome.REJECTED, error.error_type, error.message)
        return Ending(Outcome.SUCCEEDED)
