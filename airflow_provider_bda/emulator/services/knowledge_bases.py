"""Ingestion into knowledge bases: four operations of ``bedrock-agent``; the others are left to moto.

Minimal: nothing is embedded or indexed. A job lists the objects of its data source (``Settings.data_sources``),
compares them with those of the job before, and counts. One job at a time per data source, else
ConflictException. The words about failed documents are a guess.
"""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.backing import Listed, ObjectMissing
from airflow_provider_bda.emulator.messages import ServiceError, not_found
from airflow_provider_bda.emulator.runner import Ending, Job, waiting_status
from airflow_provider_bda.emulator.services.arns import s3_uri
from airflow_provider_bda.emulator.services.paging import page_after
from airflow_provider_bda.jobs import Outcome
from airflow_provider_bda.jobs.catalog import KNOWLEDGE_BASE_INGESTION as KIND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.calls import Call
    from airflow_provider_bda.emulator.messages import HttpRequest
    from airflow_provider_bda.emulator.routing import Route
    from airflow_provider_bda.emulator.world import World

_SERVED = frozenset({"StartIngestionJob", "GetIngestionJob", "ListIngestionJobs", "StopIngestionJob"})
_ALPHABET = string.ascii_uppercase + string.digits
_READABLE = (".csv", ".doc", ".docx", ".htm", ".html", ".jpeg", ".jpg", ".md", ".pdf", ".png", ".txt", ".xls", ".xlsx")  # fmt: skip
_MOST_BYTES = 50 * 1024 * 1024
_METADATA = ".metadata.json"


class KnowledgeBases:
    """Ingestion jobs of knowledge bases."""

    name = "bedrock-agent"
    blocking: frozenset[str] = frozenset()

    def __init__(self, world: World) -> None:
        self._world = world

    def claims(self, route: Route, request: HttpRequest) -> bool:  # noqa: ARG002 - the operation says it
        """Leave everything but ingestion to moto."""
        return route.operation.name in _SERVED

    def input_uri(self, parameters: Mapping[str, Any]) -> str:
        """Name the S3 location a job reads, or its data source."""
        source = str(parameters.get("dataSourceId", ""))
        return self._world.settings.data_sources.get(source, source)

    def start_ingestion_job(self, call: Call) -> Mapping[str, Any]:
        """Start a job; the same token with the same parameters answers the one there is."""
        parameters = {name: value for name, value in call.parameters.items() if name != "clientToken"}
        self._check(parameters)
        key = (self.name, call.account, call.region, call.parameters.get("clientToken"))

        def submit() -> tuple[Mapping[str, Any], Any]:
            for other in self._jobs(call):
                if other.ended is None:
                    raise ServiceError("ConflictException", f"The ingestion job {other.id} is in progress.")
            job = self._job(call, parameters)
            self._world.runner.submit(job)
            return {"ingestionJob": {**_shown(job), "status": waiting_status(KIND)}}, lambda: job.ended

        return self._world.tokens.once(key, parameters, submit, conflict="ConflictException")

    def get_ingestion_job(self, call: Call) -> Mapping[str, Any]:
        """Answer one job."""
        return {"ingestionJob": _shown(self._one(call))}

    def stop_ingestion_job(self, call: Call) -> Mapping[str, Any]:
        """Stop a job that has not ended."""
        job = self._one(call)
        if not self._world.runner.stop(job, stopping="STOPPING", stopped="STOPPED"):
            raise ServiceError("ConflictException", f"The ingestion job {job.id} is {job.status}.")
        return {"ingestionJob": _shown(job)}

    def list_ingestion_jobs(self, call: Call) -> Mapping[str, Any]:
        """Answer a data source's jobs by status, newest first or as asked, in pages."""
        given = call.parameters
        wanted = [value for rule in given.get("filters", []) for value in rule["values"]]
        sorting = given.get("sortBy", {"attribute": "STARTED_AT", "order": "DESCENDING"})
        shown = [_shown(job) for job in self._jobs(call)]
        if sorting["attribute"] == "STATUS":
            shown.sort(key=lambda row: str(row["status"]))
        rows = [
            (number, {name: value for name, value in row.items() if name != "failureReasons"})
            for number, row in enumerate(shown)
            if not wanted or row["status"] in wanted
        ]
        return page_after("ingestionJobSummaries", rows, given, falling=sorting["order"] == "DESCENDING")

    # --- jobs --------------------------------------------------------------------------------------

    def _jobs(self, call: Call) -> list[Job]:
        """Answer the jobs of the call's data source, oldest first."""
        names = ("knowledgeBaseId", "dataSourceId")
        return [
            job
            for job in self._world.runner.jobs_of(KIND, call.account, call.region)
            if all(job.request[name] == call.parameters[name] for name in names)
        ]

    def _one(self, call: Call) -> Job:
        wanted = call.parameters["ingestionJobId"]
        for job in self._jobs(call):
            if job.id == wanted:
                return job
        raise not_found(f"No ingestion job {wanted} of this data source.")

    def _check(self, parameters: Mapping[str, Any]) -> None:
        sources = self._world.settings.data_sources
        if sources and parameters["dataSourceId"] not in sources:
            raise not_found(f"No data source {parameters['dataSourceId']}.")

    def _job(self, call: Call, parameters: Mapping[str, Any]) -> Job:
        job_id = "".join(secrets.choice(_ALPHABET) for _ in range(10))
        uri = self.input_uri(parameters)
        return Job(
            kind=KIND,
            id=job_id,
            arn=f"{parameters['knowledgeBaseId']}/{parameters['dataSourceId']}/{job_id}",
            account=call.account,
            region=call.region,
            lane="",
            input_uri=uri,
            request=dict(parameters),
            work=self._ingest,
            fault=self._world.faults.for_job(call.operation, uri),
            detail={"statistics": {}, "reasons": []},
        )

    def _ingest(self, job: Job) -> Ending:
        """Compare a data source with what was ingested before, in a worker thread."""
        if not job.input_uri.startswith("s3://"):
            job.detail["statistics"] = _statistics([], {}, [])
            return Ending(Outcome.SUCCEEDED)
        source = s3_uri(job.input_uri)
        try:
            listed = self._world.moto.list_objects(job.region, *source)
        except ObjectMissing as error:
            return Ending(Outcome.BROKEN, error_message=str(error))
        failed = [item for item in listed if not _readable(item)]
        where = (job.request["knowledgeBaseId"], job.request["dataSourceId"])
        job.detail["statistics"] = _statistics(listed, self._world.ingested.get(where, {}), failed)
        self._world.ingested[where] = {item.key: item.etag for item in listed if item not in failed}
        if failed:
            files = ", ".join(f"s3://{source.bucket}/{item.key}" for item in failed)
            reason = (
                f"Encountered error: Ignored {len(failed)} files as they cannot be read. [Files: {files}]"
            )
            job.detail["reasons"] = [reason[:2_048]]
        return Ending(Outcome.SUCCEEDED)


def _readable(item: Listed) -> bool:
    known = item.key.lower().endswith((*_READABLE, _METADATA))
    return known and 0 < item.size <= _MOST_BYTES


def _statistics(listed: list[Listed], before: Mapping[str, str], failed: list[Listed]) -> dict[str, int]:
    metadata = [item for item in listed if item.key.endswith(_METADATA)]
    good = [item for item in listed if item not in failed and item not in metadata]
    gone = [key for key in before if key not in {item.key for item in listed} and not key.endswith(_METADATA)]
    return {
        "numberOfDocumentsScanned": len(listed) - len(metadata),
        "numberOfMetadataDocumentsScanned": len(metadata),
        "numberOfNewDocumentsIndexed": sum(item.key not in before for item in good),
        "numberOfModifiedDocumentsIndexed": sum(
            before.get(item.key, item.etag) != item.etag for item in good
        ),
        "numberOfMetadataDocumentsModified": sum(
            before.get(item.key, item.etag) != item.etag for item in metadata
        ),
        "numberOfDocumentsDeleted": len(gone),
        "numberOfDocumentsFailed": len(failed),
    }


def _shown(job: Job) -> dict[str, Any]:
    # The status is read first: it is written last, so everything read after it is at least as new.
    status = job.status
    finished = KIND.outcome(status) is not None
    reasons = [job.error_message] if job.error_message else job.detail["reasons"]
    return {
        "knowledgeBaseId": job.request["knowledgeBaseId"],
        "dataSourceId": job.request["dataSourceId"],
        "ingestionJobId": job.id,
        "description": job.request.get("description"),
        "status": status,
        "statistics": job.detail["statistics"] if finished else None,
        "failureReasons": reasons if finished and reasons else None,
        "startedAt": job.submitted,
        "updatedAt": job.ended if job.ended is not None else job.started or job.submitted,
    }
