"""What a Dag author names as results, as the documents whose rows are wanted: a batch's, one job's, or a list of jobs'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch._files import s3_of
from airflow_provider_bda.batch.document import document_id_of
from airflow_provider_bda.batch.results import iter_results, part_uris
from airflow_provider_bda.batch.rows import Row
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.results import ResultsError

if TYPE_CHECKING:
    from airflow_provider_bda.aws import AwsTarget

_WANTED = (
    "a BdaBatchOperator's output or its batch_s3_uri, a BdaInvokeOperator's output, the s3:// URI of a "
    "job_metadata.json, an invocation ARN, or a list of jobs"
)


def batch_uri_of(results: Any, name: str = "results") -> str | None:
    """Answer the batch that is named; None if it is jobs.

    :param name: how the error calls the argument.
    :raises BdaInputError: it is neither.
    """
    if isinstance(results, Mapping) and isinstance(results.get("batch_s3_uri"), str):
        return str(results["batch_s3_uri"]).rstrip("/")
    if isinstance(results, str) and results.startswith("s3://"):
        return None if results.endswith(".json") else results.rstrip("/")
    if isinstance(results, str) and ":data-automation-invocation/" in results:
        return None
    if isinstance(results, Mapping) and "output_s3_uri" in results:
        return None
    if isinstance(results, Iterable) and not isinstance(results, str | Mapping):
        return None
    raise BdaInputError(f"{name}: {results!r} is none of these: {_WANTED}")


def documents_of(
    results: Any, target: AwsTarget, s3_target: AwsTarget, name: str = "results"
) -> Iterator[Row]:
    """Answer a row a document that succeeded, in order.

    A job's document is known by its input's URI, so that the same file sent again is the same document.

    :param target: asks for the status of jobs that are named by ARN.
    :param s3_target: reads the batch and the jobs' metadata.
    :param name: how an error calls the argument.
    :raises BdaInputError: there is no such batch, a job has not ended, or its metadata is not there.
    :raises BdaJobError: a job ended, and not as success.
    """
    batch_s3_uri = batch_uri_of(results, name)
    s3_hook = BedrockDataAutomationRuntimeHook.for_target(s3_target)
    if batch_s3_uri is not None:
        # At once, not with the first row: a batch that is not there is found before anything is written.
        part_uris(s3_of(s3_hook), batch_s3_uri)
        return iter_results(batch_s3_uri, where={"status": "succeeded"}, hook=s3_hook)
    jobs = [results] if isinstance(results, str | Mapping) else list(results)
    hook = BedrockDataAutomationRuntimeHook.for_target(target)
    return (_row_of(job, hook, s3_hook, name) for job in jobs)


def _row_of(
    job: Any, hook: BedrockDataAutomationRuntimeHook, s3_hook: BedrockDataAutomationRuntimeHook, name: str
) -> Row:
    told = job if isinstance(job, Mapping) else {}
    uri = told.get("output_s3_uri", job)
    if not isinstance(uri, str):
        raise BdaInputError(f"{name}: {job!r} is no job: {_WANTED}")
    try:
        read = s3_hook.get_results(uri) if uri.startswith("s3://") else hook.get_results(uri)
    except ResultsError as error:
        raise BdaInputError(f"{name}: {error}") from error
    asset = read.metadata.assets[0] if read.metadata.assets else None
    input_s3_uri = asset.asset_input_path if asset else None
    job_id = read.metadata.job_id or ""
    completed = told.get("job_completion_time")
    return Row(
        document_id=document_id_of(input_s3_uri) if input_s3_uri else job_id,
        input_s3_uri=input_s3_uri or "",
        status="succeeded",
        invocation_arn=told.get("invocation_arn") or (job_id if uri.startswith("s3://") else uri),
        output_s3_uri=read.metadata_uri,
        completed_at=datetime.fromisoformat(completed).timestamp() if isinstance(completed, str) else None,
        custom_output_status=tuple(
            paths.custom_output_status for paths in read.metadata.segments if paths.custom_output_status
        ),
    )
