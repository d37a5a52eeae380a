"""Tells Airflow's hook lineage what the runtime hook reads and writes, so that a ``@task`` that uses it has lineage."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_bda._compat import lineage_collector
from airflow_provider_bda.aws import split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)


def collect(hook: Any, *, read: str | None = None, written: str | None = None) -> None:
    """Note S3 URIs that a hook's call read and wrote. Without a reader of lineage in this Airflow it does nothing."""
    try:
        collector = lineage_collector()
        for uri, note in ((read, collector.add_input_asset), (written, collector.add_output_asset)):
            if uri:
                bucket, key = split_s3_uri(uri)
                note(context=hook, scheme="s3", asset_kwargs={"bucket": bucket, "key": key})
    except Exception:
        # The first call loads every plugin of this Airflow, and the job has been bought: its handle must not be lost.
        log.warning("this call has no lineage", exc_info=True)


def collect_request(hook: Any, request: Mapping[str, Any]) -> None:
    """Note what a request to process something reads and writes; bytes that come with it stand nowhere."""
    collect(
        hook,
        read=_uri(request, "inputConfiguration"),
        written=_uri(request, "outputConfiguration"),
    )


def _uri(request: Mapping[str, Any], member: str) -> str | None:
    found: str | None = (request.get(member) or {}).get("s3Uri")
    return found
