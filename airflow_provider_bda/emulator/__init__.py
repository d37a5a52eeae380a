"""A local stand-in for the AWS services this provider calls, speaking their real wire protocols.

Everything is loaded on first use: pytest imports this package wherever the provider is installed, so
importing it costs nothing and pulls in neither botocore nor moto.

>>> from airflow_provider_bda.emulator import Emulator
>>> with Emulator() as aws:  # doctest: +SKIP
...     aws.client("s3").create_bucket(Bucket="documents")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_bda.emulator.clock import ManualClock, SystemClock
    from airflow_provider_bda.emulator.emulator import Emulator
    from airflow_provider_bda.emulator.faults import Fault
    from airflow_provider_bda.emulator.settings import Settings

__all__ = ["Emulator", "Fault", "ManualClock", "Settings", "SystemClock"]

_HOMES = {
    "Emulator": "emulator",
    "Fault": "faults",
    "ManualClock": "clock",
    "Settings": "settings",
    "SystemClock": "clock",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
