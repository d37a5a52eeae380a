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

#: Seconds of a trigger's life before which it should yield no event: up to 3.3.2 Airflow fails a task whose trigger
#: fires before the scheduler has read that the deferring worker ended.
SETTLE = 7.0
#: So many more waits than there ever were are a step: see :func:`spare_the_collector_of_waits`.
STEP = 250


async def load(name: str) -> Any:
    """Import a module of this package in a thread; one of another package by its full name."""
    spare_the_collector("airflow")
    full = name if "." in name else f"{__name__}.{name}"
    module = await asyncio.to_thread(import_module, full)
    spare_the_collector(__name__)
    return module


@cache
def spare_the_collector(_what_is_loaded: str) -> None:
    """Take what is loaded by now out of the garbage collector's rounds, once a process for each thing loaded.

    A full round goes through all of Airflow's 300,000 objects and blocks the loop for 0.15 to 0.25 seconds,
    whichever thread it runs in: importing boto sets one off, and so do a thousand triggers that start together.
    The model of one service is another 50,000, and half of what a round then takes while a thousand jobs wait.
    """
    # What is garbage already would stay; of the old generation there is little since its last round.
    gc.collect(1)
    gc.freeze()


def spare_the_collector_of_waits(number: int) -> None:
    """Take what waits out of the collector's rounds as well, a step at a time.

    Each wait is a hundred objects or more, Airflow's own for its trigger among them: a full round through those of 5,000
    blocks the loop for 0.75 seconds. They are freed as ever when nothing refers to them. What would need the collector
    for that is not, so steps go by the most waits there ever were: what can stay is bounded by them.

    :param number: waits there are now; told of each.
    """
    if number % STEP == 0:
        spare_the_collector(f"{number} waits")
