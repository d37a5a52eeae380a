"""Airflow's supervisor, as far as it hands connections out of the database to a worker or a triggerer."""

from __future__ import annotations

import json

from airflow.sdk.execution_time.comms import ConnectionResult, ErrorResponse, ErrorType, GetConnection


class FakeSupervisor:
    """Stands for ``SUPERVISOR_COMMS``.

    :param connections: the database: connection id -> its JSON form; change it at any time.
    :param in_triggerer: the triggerer of Airflow 3.1 finds nothing when asked from a thread; so here.
    """

    def __init__(self, connections, *, in_triggerer):
        self.connections = connections
        self.in_triggerer = in_triggerer
        self.asked: list[str] = []
        #: How often it answers that Airflow's API server failed.
        self.fails = 0

    def send(self, message):
        if self.in_triggerer:
            raise RuntimeError("asked from a thread")
        return self._answer(message)

    async def asend(self, message):
        return self._answer(message)

    def _answer(self, message):
        if not isinstance(message, GetConnection):
            return None  # masking of secrets and the like
        self.asked.append(message.conn_id)
        if self.fails:
            self.fails -= 1
            return ErrorResponse(error=ErrorType.API_SERVER_ERROR)
        found = self.connections.get(message.conn_id)
        if found is None:
            return ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND)
        return ConnectionResult(
            conn_id=message.conn_id,
            conn_type="aws",
            host=None,
            schema=None,
            port=None,
            login=found.get("login"),
            password=found.get("password"),
            extra=json.dumps(found.get("extra", {})),
        )
