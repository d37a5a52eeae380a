"""What waits in the triggerer.

Its modules import boto and aiobotocore, which would block the triggerer's loop for a second: a trigger's module
takes them by :func:`load`.
"""

from __future__ import annotations

import asyncio
import gc
from functools import cache
from importlib import import_module
from typing import Any


async def load(name: str) -> Any:
    """Import a module of this package in a thread."""
    module = await asyncio.to_thread(import_module, f"{__name__}.{name}")
    _spare_the_collector()
    return module


@cache
def _spare_the_collector() -> None:
    """Take what is loaded by now out of the garbage collector's rounds, once a process.

    A full round goes through all of Airflow's 300,000 objects and blocks the loop for a quarter of a second;
    a thousand triggers that start together set one off.
    """
    gc.freeze()
