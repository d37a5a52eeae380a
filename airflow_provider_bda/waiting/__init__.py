"""What waits in the triggerer.

Its modules import boto and aiobotocore, which would block the triggerer's loop for a second: a trigger's module
takes them by :func:`load`.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any


async def load(name: str) -> Any:
    """Import a module of this package in a thread."""
    return await asyncio.to_thread(import_module, f"{__name__}.{name}")
