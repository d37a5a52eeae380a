"""Library ingestion jobs: three operations of ``bedrock-data-automation``, and their work.

One job at a time per library, else ConflictException. Not published, so guessed: the names of the files it
leaves, the form of a manifest's lines (an entity bare or under ``vocabulary``), and that a job whose every
entity failed is COMPLETED_WITH_ERRORS. AWS documents no EventBridge events for these jobs; none are sent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_provider_bda.emulator.backing import ObjectMissing
from airflow_provider_bda.emulator.messages import ServiceError, invalid, not_found
from airflow_provider_bda.emulator.reading import read
from airflow_provider_bda.emulator.routing import service_model
from airflow_provider_bda.emulator.runner import Ending, Job
from airflow_provider_bda.emulator.services.arns import arn, s3_uri
from airflow_provider_bda.emulator.services.libraries import Libraries, Library
from airflow_provider_bda.emulator.services.paging import page
from airflow_provider_bda.emulator.services.tagging import as_dict
from airflow_provider_bda.jobs import Outcome
from airflow_provider_bda.jobs.catalog import LIBRARY_INGESTION as KIND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bda.emulator.calls import Call

_MOST_INLINE_PHRASES = 100
_MOST_PHRASES = 500
_MOST_CHARACTERS = 30_000
_SUMMARY = ("jobArn", "jobStatus", "entityType", "operationType", "creationTime", "completionTime")


class LibraryIngestion(Libraries):
    """Library ingestion operations."""

    def invoke_data_automation_library_ingestion_job(self, call: Call) -> Mapping[str, Any]:
        """Start an ingestion job; the same token with the same parameters answers the job there is."""
        parameters = {name: value for name, value in call.parameters.items() if name != "clientToken"}
        library = self._active_library(call)
        _check(parameters)
        key = ("library-ingestion", call.account, call.region, call.parameters.get("clientToken"))

        def submit() -> tuple[Mapping[str, Any], Any]:
            self._refuse_while_ingesting(call)
            job = self._ingestion(call, library, parameters)
            self._world.runner.submit(job)
            self._world.tags[job.arn] = as_dict(parameters.get("tags"))
            return {"jobArn": job.arn}, lambda: job.ended

        return self._world.tokens.once(key, parameters, submit, conflict="ConflictException")

    def get_data_automation_library_ingestion_job(self, call: Call) -> Mapping[str, Any]:
        """Answer one job."""
        self._library(call)
        wanted = call.parameters["jobArn"]
        job = self._world.runner.get(wanted)
        if job is None or job.request.get("libraryArn") != call.parameters["libraryArn"]:
            raise not_found(f"No ingestion job {wanted} of this library.")
        return {"job": _shown(job)}

    def list_data_automation_library_ingestion_jobs(self, call: Call) -> Mapping[str, Any]:
        """Answer a library's jobs, oldest first, in pages."""
        self._library(call)
        shown = [
            _shown(job)
            for job in self._world.runner.jobs_of(KIND, call.account, call.region)
            if job.request["libraryArn"] == call.parameters["libraryArn"]
        ]
        return page("jobs", [{name: row[name] for name in _SUMMARY} for row in shown], call.parameters)

    def _ingestion(self, call: Call, library: Library, parameters: Mapping[str, Any]) -> Job:
        job_id = str(uuid4())
        target = s3_uri(parameters["outputConfiguration"]["s3Uri"])
        source = parameters["inputConfiguration"].get("s3Object", {}).get("s3Uri", "")
        return Job(
            kind=KIND,
            id=job_id,
            arn=arn(call, "data-automation-library-ingestion-job", job_id),
            account=call.account,
            region=call.region,
            lane="",
            input_uri=source,
            request=dict(parameters),
            work=lambda job: self._ingest(job, library),
            fault=self._world.faults.for_job(call.operation, source),
            detail={
                "output_bucket": target.bucket,
                "output_prefix": "/".join(filter(None, (target.key, job_id))),
            },
        )

    # --- the work ----------------------------------------------------------------------------------

    def _ingest(self, job: Job, library: Library) -> Ending:
        """Take every entity of a job's input into its library, in a worker thread."""
        try:
            manifest = self._manifest(job)
            taken, failed = self._take(job, library, manifest)
            status = "COMPLETED_WITH_ERRORS" if failed else "COMPLETED"
            result = {
                "job_id": job.id,
                "job_status": status,
                "vocabulary": {"successful": taken, "failed": failed},
            }
            folder = job.detail["output_prefix"]
            files = {
                f"{folder}/input_manifest.jsonl": "\n".join(manifest).encode() + b"\n",
                f"{folder}/result.json": json.dumps(result, ensure_ascii=False).encode(),
            }
            self._world.moto.write_objects(job.region, job.detail["output_bucket"], files)
        except ObjectMissing as error:
            return Ending(Outcome.BROKEN, "ResourceNotFoundException", str(error))
        return Ending(Outcome.PARTIAL if failed else Outcome.SUCCEEDED)

    def _manifest(self, job: Job) -> list[str]:
        """Answer the input as lines of JSON, wherever it came from."""
        given = job.request["inputConfiguration"]
        if "s3Object" in given:
            body = self._world.moto.read_object(job.region, *s3_uri(given["s3Object"]["s3Uri"]))
            return [line for line in body.decode(errors="replace").splitlines() if line.strip()]
        payload = given["inlinePayload"]
        rows: list[Any] = payload.get("upsertEntitiesInfo") or [
            {"entityId": found} for found in payload["deleteEntitiesInfo"]["entityIds"]
        ]
        return [json.dumps(row, ensure_ascii=False) for row in rows]

    def _take(
        self, job: Job, library: Library, manifest: list[str]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        act = self._upsert if job.request["operationType"] == "UPSERT" else self._delete
        taken: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        with self._world.lock:
            for number, line in enumerate(manifest, 1):
                entity: dict[str, Any] = {}
                try:
                    entity = _entity(line, number)
                    taken.append({"entityId": act(library, entity)})
                except ServiceError as error:
                    named = {"entityId": entity["entityId"]} if entity.get("entityId") else {"line": number}
                    failed.append({**named, "errorType": error.code, "errorMessage": error.message})
        return taken, failed

    def _upsert(self, library: Library, entity: dict[str, Any]) -> str:
        """Put an entity into a library in place of the one there is."""
        shape: Any = service_model("bedrock-data-automation").shape_for("VocabularyEntityInfo")
        given = read(shape, entity)
        name = str(given.get("entityId") or uuid4().hex[:12])
        phrases = [
            phrase
            for other in [*(value for key, value in library.entities.items() if key != name), given]
            for phrase in other["phrases"]
        ]
        if len(phrases) > _MOST_PHRASES:
            raise ServiceError(
                "ServiceQuotaExceededException", f"A library has at most {_MOST_PHRASES} phrases."
            )
        if sum(len(phrase["text"]) for phrase in phrases) > _MOST_CHARACTERS:
            raise ServiceError(
                "ServiceQuotaExceededException",
                f"A library's phrases have at most {_MOST_CHARACTERS} characters.",
            )
        library.entities[name] = {**given, "entityId": name, "lastModifiedTime": self._world.clock.now()}
        return name

    @staticmethod
    def _delete(library: Library, entity: dict[str, Any]) -> str:
        name = str(entity.get("entityId"))
        if library.entities.pop(name, None) is None:
            raise not_found(f"No entity {name} in this library.")
        return name


def _entity(line: str, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise invalid(f"Line {number} is no JSON: {error}") from error
    if isinstance(found, dict) and isinstance(found.get("vocabulary"), dict):
        found = found["vocabulary"]
    if not isinstance(found, dict):
        raise invalid(f"Line {number} is no JSON object.")
    return found


def _shown(job: Job) -> dict[str, Any]:
    # The status is read first: it is written last, so everything read after it is at least as new.
    status = job.status
    finished = KIND.outcome(status) is not None
    return {
        "jobArn": job.arn,
        "jobStatus": status,
        "entityType": job.request["entityType"],
        "operationType": job.request["operationType"],
        "creationTime": job.submitted,
        "completionTime": job.ended if finished else None,
        "outputConfiguration": {"s3Uri": f"s3://{job.detail['output_bucket']}/{job.detail['output_prefix']}"},
        "errorType": job.error_type if finished else None,
        "errorMessage": job.error_message if finished else None,
    }


def _check(parameters: Mapping[str, Any]) -> None:
    given = parameters["inputConfiguration"]
    if len(given) != 1:
        raise invalid("Exactly one of s3Object and inlinePayload must be set in inputConfiguration.")
    if "inlinePayload" not in given:
        return
    operation = parameters["operationType"]
    wanted = {"UPSERT": "upsertEntitiesInfo", "DELETE": "deleteEntitiesInfo"}[operation]
    if wanted not in given["inlinePayload"]:
        raise invalid(f"An inline payload for {operation} must hold {wanted}.")
    phrases = sum(
        len(row["vocabulary"]["phrases"]) for row in given["inlinePayload"].get("upsertEntitiesInfo", [])
    )
    if phrases > _MOST_INLINE_PHRASES:
        raise invalid(
            f"An inline payload holds at most {_MOST_INLINE_PHRASES} phrases, not {phrases}; use an S3 manifest."
        )
