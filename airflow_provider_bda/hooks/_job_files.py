"""The result files jobs leave on S3, read with any hook's connection: operators, sensors and hooks share these."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_bda.hooks._objects import read_first, read_object
from airflow_provider_bda.results.embedding import EmbeddingResult
from airflow_provider_bda.results.library import IngestionResult
from airflow_provider_bda.results.optimization import OptimizationResult

if TYPE_CHECKING:
    from airflow_provider_bda.hooks.base import BdaBaseHook


def read_embedding(hook: BdaBaseHook, invocation_arn: str, output_s3_uri: str) -> EmbeddingResult:
    """Read what an embedding model says of its segments.

    :param output_s3_uri: where the service says it wrote, with or without the invoke's own folder.
    :raises FileNotFoundError: the model left no such file: other models leave others.
    """
    uri, body = read_first(
        hook, _own_folder(output_s3_uri, invocation_arn), "segmented-embedding-result.json"
    )
    return EmbeddingResult.from_json(uri, json.loads(body))


def read_ingestion(hook: BdaBaseHook, job_arn: str, output_s3_uri: str) -> IngestionResult:
    """Read what a library ingestion job says of each entity.

    :param output_s3_uri: where the service says it wrote, with or without the job's own folder.
    :raises FileNotFoundError: the job left no such file.
    """
    # AWS does not publish the file's name; beside it lies only the manifest, a .jsonl.
    uri, body = read_first(hook, _own_folder(output_s3_uri, job_arn), "result.json")
    return IngestionResult.from_json(uri, json.loads(body))


def read_optimization(hook: BdaBaseHook, output_s3_uri: str) -> OptimizationResult:
    """Read what a blueprint optimization measured and made.

    :param output_s3_uri: the file, or its folder.
    :raises FileNotFoundError: the job left no such file.
    :raises ValueError: the file is none of a blueprint optimization.
    """
    if output_s3_uri.endswith(".json"):
        uri, body = output_s3_uri, read_object(hook, output_s3_uri)
    else:
        uri, body = read_first(hook, output_s3_uri, "optimization_results.json")
    return OptimizationResult.from_json(uri, json.loads(body))


def _own_folder(output_s3_uri: str, arn: str) -> str:
    """Answer the folder of one job: the prefix and the last part of its ARN."""
    root, name = output_s3_uri.rstrip("/"), arn.rsplit("/", 1)[-1]
    return root if root.endswith(f"/{name}") else f"{root}/{name}"
