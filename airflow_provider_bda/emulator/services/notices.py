"""The EventBridge events of data automation jobs, as AWS documents them, sent through moto.

Keys are snake_case where the API has camelCase, and there is no invocation ARN in them; AWS has it so.
The words of ``job_status`` other than SUCCESS are a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.services.arns import s3_uri
from airflow_provider_bda.jobs import Outcome

if TYPE_CHECKING:
    from airflow_provider_bda.emulator.backing import Moto
    from airflow_provider_bda.emulator.runner import Job

_PREFIX = "Bedrock Data Automation Job"
_ENDED = {
    Outcome.SUCCEEDED: ("Succeeded", "SUCCESS"),
    Outcome.REJECTED: ("Failed With Client Error", "CLIENT_ERROR"),
    Outcome.BROKEN: ("Failed With Service Error", "SERVICE_ERROR"),
}


def notify(moto: Moto, job: Job) -> None:
    """Send the event for the state a job is in, if the job asked for events."""
    configuration = job.request.get("notificationConfiguration", {})
    if not configuration.get("eventBridgeConfiguration", {}).get("eventBridgeEnabled"):
        return
    outcome = job.kind.outcome(job.status) if job.ended is not None else None
    words, status = _ENDED[outcome] if outcome else ("Created", "CREATED")
    moment = job.submitted if outcome is None else job.ended or job.submitted
    detail = _detail(job, status, ended=outcome is not None)
    moto.put_event(job.account, job.region, f"{_PREFIX} {words}", detail, moment)


def _detail(job: Job, status: str, *, ended: bool) -> dict[str, Any]:
    source = s3_uri(job.input_uri)
    detail: dict[str, Any] = {
        "job_id": job.id,
        "job_status": status,
        "semantic_modality": job.lane.capitalize(),
        "input_s3_object": {"s3_bucket": source.bucket, "name": source.key},
        "output_s3_location": {
            "s3_bucket": job.detail["output_bucket"],
            "name": f"{job.detail['output_prefix']}/0",
        },
        "error_message": job.error_message or "",
    }
    if ended:
        detail["job_duration_in_seconds"] = int((job.ended or 0.0) - job.submitted)
    return detail
