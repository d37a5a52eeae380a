"""How the clients that all triggers of a process share are built."""

from __future__ import annotations

import asyncio
import threading

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.waiting.client_pool import client_pool


def test_a_connections_secrets_are_masked_on_the_loop_and_never_in_the_thread_that_builds_the_client(
    aws, monkeypatch
):
    """Each masking is told to Airflow's supervisor: from a thread that kills a triggerer of Airflow 3.1."""
    masking = []
    monkeypatch.setattr(
        "airflow.sdk.log.mask_secret", lambda *_: masking.append(threading.current_thread().name)
    )

    async def main():
        client = await client_pool().client(AwsTarget.of(), "bedrock-data-automation-runtime")
        assert client.meta.endpoint_url == aws.endpoint_url
        return threading.current_thread().name

    loops = asyncio.run(main())
    assert set(masking) == {loops}
