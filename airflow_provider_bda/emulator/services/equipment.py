"""Data ingestion of ``lookoutequipment``: three operations, JSON 1.0.

AWS ended this service on 2026-10-07. It is served so that what was built on it can still be tried;
``Settings.ended_services = {"lookoutequipment"}`` shows how it is today. Datasets are not served: any name is
taken for one that exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from airflow_provider_bda.emulator.backing import ObjectMissing
from airflow_provider_bda.emulator.messages import ServiceError, not_found
from airflow_provider_bda.emulator.runner import Ending, Job
from airflow_provider_bda.emulator.services.equipment_files import ingest
from airflow_provider_bda.emulator.services.paging import page_after
from airflow_provider_bda.jobs import Outcome
from airflow_provider_bda.jobs.catalog import EQUIPMENT_INGESTION as KIND
from airflow_provider_bda.jobs.profile import partition_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.calls import Call
    from airflow_provider_bda.emulator.messages import HttpRequest
    from airflow_provider_bda.emulator.routing import Route
    from airflow_provider_bda.emulator.world import World

_SUMMARY = ("JobId", "DatasetName", "DatasetArn", "IngestionInputConfiguration", "Status")


class Equipment:
    """Data ingestion jobs of Lookout for Equipment."""

    name = "lookoutequipment"
    blocking: frozenset[str] = frozenset()

    def __init__(self, world: World) -> None:
        self._world = world

    def claims(self, route: Route, request: HttpRequest) -> bool:  # noqa: ARG002 - its target prefix is its own
        """Say that what carries this service's target is for it."""
        return True

    def input_uri(self, parameters: Mapping[str, Any]) -> str:
        """Name the S3 location of a job."""
        if job := self._world.runner.get(str(parameters.get("JobId"))):
            return job.input_uri
        given = parameters.get("IngestionInputConfiguration", {}).get("S3InputConfiguration", {})
        return f"s3://{given['Bucket']}/{given.get('Prefix', '')}" if "Bucket" in given else ""

    def start_data_ingestion_job(self, call: Call) -> Mapping[str, Any]:
        """Start a job; the same token with the same parameters answers the one there is."""
        parameters = {name: value for name, value in call.parameters.items() if name != "ClientToken"}
        key = (self.name, call.account, call.region, call.parameters["ClientToken"])

        def submit() -> tuple[Mapping[str, Any], Any]:
            for other in self._world.runner.jobs_of(KIND, call.account, call.region):
                if other.request["DatasetName"] == parameters["DatasetName"] and other.ended is None:
                    raise ServiceError(
                        "ConflictException", f"The job {other.id} of this dataset is in progress."
                    )
            job = self._job(call, parameters)
            self._world.runner.submit(job)
            return {"JobId": job.id, "Status": job.status}, lambda: job.ended

        return self._world.tokens.once(key, parameters, submit, conflict="ConflictException")

    def describe_data_ingestion_job(self, call: Call) -> Mapping[str, Any]:
        """Answer one job, and what it made of its files once it has ended."""
        job = self._world.runner.get(call.parameters["JobId"])
        if job is None or job.account != call.account or job.region != call.region:
            raise not_found(f"No data ingestion job {call.parameters['JobId']}.")
        return _shown(job)

    def list_data_ingestion_jobs(self, call: Call) -> Mapping[str, Any]:
        """Answer jobs by dataset and status, newest first, in pages."""
        given = call.parameters
        rows = [
            (number, {name: row[name] for name in _SUMMARY})
            for number, job in enumerate(self._world.runner.jobs_of(KIND, call.account, call.region))
            if given.get("DatasetName") in (None, job.request["DatasetName"])
            and given.get("Status") in (None, (row := _row(job))["Status"])
        ]
        turning = {"maxResults": given.get("MaxResults", 50), "nextToken": given.get("NextToken")}
        found = page_after("DataIngestionJobSummaries", rows, turning, falling=True)
        return {
            "DataIngestionJobSummaries": found["DataIngestionJobSummaries"],
            "NextToken": found["nextToken"],
        }

    def _job(self, call: Call, parameters: Mapping[str, Any]) -> Job:
        uri = self.input_uri(parameters)
        name = parameters["DatasetName"]
        owner = f"{call.region}:{call.account}"
        dataset = f"arn:{partition_of(call.region)}:lookoutequipment:{owner}:dataset/{name}"
        job_id = uuid4().hex
        return Job(
            kind=KIND,
            id=job_id,
            arn=job_id,
            account=call.account,
            region=call.region,
            lane="",
            input_uri=uri,
            request=dict(parameters),
            work=self._ingest,
            fault=self._world.faults.for_job(call.operation, uri),
            detail={"dataset_arn": f"{dataset}/{uuid5(NAMESPACE_URL, dataset)}", "found": {}},
        )

    def _ingest(self, job: Job) -> Ending:
        """Read the files of a job, in a worker thread."""
        given = job.request["IngestionInputConfiguration"]["S3InputConfiguration"]
        try:
            job.detail["found"] = ingest(self._world.moto, job.region, given)
        except ObjectMissing as error:
            return Ending(Outcome.BROKEN, error_message=str(error))
        summary = job.detail["found"]["IngestedFilesSummary"]
        if not summary["IngestedNumberOfFiles"]:
            words = (
                f"None of the {summary['TotalNumberOfFiles']} files under {job.input_uri} could be ingested."
            )
            return Ending(Outcome.BROKEN, error_message=words)
        return Ending(Outcome.SUCCEEDED)


def _row(job: Job) -> dict[str, Any]:
    return {
        "JobId": job.id,
        "DatasetName": job.request["DatasetName"],
        "DatasetArn": job.detail["dataset_arn"],
        "IngestionInputConfiguration": job.request["IngestionInputConfiguration"],
        "Status": job.status,
    }


def _shown(job: Job) -> dict[str, Any]:
    row = _row(job)
    del row["DatasetName"]
    finished = KIND.outcome(row["Status"]) is not None
    return {
        **row,
        "RoleArn": job.request["RoleArn"],
        "CreatedAt": job.submitted,
        "FailedReason": job.error_message if finished else None,
        **(job.detail["found"] if finished else {}),
    }
