"""Thousands of documents as one task.

A source is resolved on the worker into a manifest on S3; an engine submits and awaits the jobs and writes down
what it learns in a ledger on S3; whatever dies is taken up where the ledger ends.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_bda.batch.results import iter_results, result_parts
    from airflow_provider_bda.batch.source import Manifest, S3Prefix

__all__ = ["Manifest", "S3Prefix", "iter_results", "result_parts"]

#: Name -> module. Imported on first use: the UI and the triggerer want the layout and the ledger, and no source.
_HOMES = {"Manifest": "source", "S3Prefix": "source", "iter_results": "results", "result_parts": "results"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
