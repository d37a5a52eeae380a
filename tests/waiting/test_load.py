"""What waits is loaded without a full garbage collection on the way, which would block the triggerer's loop."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import weakref

import pytest

from airflow_provider_bda import waiting
from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.waiting.client_pool import client_pool

SCRIPT = """
import asyncio, gc, json
bare = gc.get_freeze_count()
import airflow_provider_bda.waiting as waiting

seen = {"start": gc.get_freeze_count() - bare, "objects": len(gc.get_objects())}
import_module = waiting.import_module

def watched(name):
    seen.setdefault("importing", gc.get_freeze_count())
    return import_module(name)

waiting.import_module = watched
asyncio.run(waiting.load("poller"))
seen["loaded"] = gc.get_freeze_count()
asyncio.run(waiting.load("client_pool"))
seen["later"] = gc.get_freeze_count()
print(json.dumps(seen))
"""


def test_what_is_loaded_is_out_of_the_collectors_rounds_before_and_after_the_import():
    # In an interpreter of its own: it cannot be undone.
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=120
    )
    seen = json.loads(ran.stdout.splitlines()[-1])
    # Beyond what some Pythons (3.12) begin with.
    assert seen["start"] == 0
    assert seen["importing"] >= seen["objects"] * 0.9
    assert seen["loaded"] > seen["importing"] * 2
    # A thread of the interpreter may still let go of an object or two.
    assert abs(seen["later"] - seen["loaded"]) < 100


@pytest.mark.usefixtures("aws")
def test_the_model_of_a_service_is_too_once_it_has_a_client():
    async def main():
        await client_pool().client(AwsTarget.of(), "bedrock-data-automation-runtime")
        frozen.append(gc.get_freeze_count())
        await client_pool().client(AwsTarget.of(region_name="eu-west-1"), "bedrock-data-automation-runtime")
        frozen.append(gc.get_freeze_count())

    frozen = []
    waiting.spare_the_collector.cache_clear()
    gc.unfreeze()
    asyncio.run(main())
    assert frozen[0] > 0
    # That of the second region came with the first; a thread may let go of an object or two.
    assert abs(frozen[1] - frozen[0]) < 1000


def test_what_waits_is_too_a_step_at_a_time_and_goes_when_it_has_ended():
    class Wait:
        """Stands for all that one wait holds; nothing of it refers back."""

    def in_its_rounds():
        return sum(type(each) is Wait for each in gc.get_objects())

    waiting.spare_the_collector.cache_clear()
    gc.unfreeze()
    waits, seen = [], []
    for number in range(1, 2 * waiting.STEP + 1):
        waits.append(Wait())
        waiting.spare_the_collector_of_waits(number)
        if (number + 1) % waiting.STEP < 2:
            seen.append(in_its_rounds())
    assert seen == [waiting.STEP - 1, 0, waiting.STEP - 1, 0]
    ended = weakref.ref(waits[0])
    del waits[:]
    assert ended() is None
    # Fewer, and then as many again, are no step.
    for number in range(1, 2 * waiting.STEP + 1):
        waits.append(Wait())
        waiting.spare_the_collector_of_waits(number)
    assert in_its_rounds() == 2 * waiting.STEP
