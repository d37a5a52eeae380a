"""How the clients that all triggers of a process share are built."""

from __future__ import annotations

import asyncio
import threading

from airflow.models.connection import Connection as ModelConnection
from airflow.sdk import Connection as SdkConnection

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.waiting.client_pool import client_pool


def test_a_connections_extra_is_read_on_the_loop_and_never_in_the_thread_that_builds_the_client(
    aws, monkeypatch
):
    """To read it masks it and tells Airflow's supervisor so: from a thread that kills a triggerer of Airflow 3.1."""
    readers = []

    def told(read):
        def extra(connection):
            readers.append(threading.current_thread().name)
            return read(connection)

        return property(extra)

    # Which of the two answers is Airflow's choice, by release and process.
    for connection in (ModelConnection, SdkConnection):
        monkeypatch.setattr(connection, "extra_dejson", told(connection.extra_dejson.fget))

    async def main():
        client = await client_pool().client(AwsTarget.of(), "bedrock-data-automation-runtime")
        assert client.meta.endpoint_url == aws.endpoint_url
        return threading.current_thread().name

    loops = asyncio.run(main())
    assert set(readers) == {loops}
