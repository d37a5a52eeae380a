"""The client of Airflow's REST API that demo and end-to-end tests use, against a server that answers as told."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from demo import airflow_rest
from demo.airflow_rest import AirflowApiError, AirflowRest

BUSY = (500, {"detail": {"reason": "Database error", "statement": "hidden"}})
TOKEN = (200, {"access_token": "a-token"})


@pytest.fixture
def rest():
    """Make a client of a server that gives these answers, one after the other."""
    opened = []

    def rest(*answers):
        left = [TOKEN, *answers]

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self):
                status, body = left.pop(0)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            do_POST = do_GET  # noqa: N815 - the base class's name

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        client = AirflowRest(f"http://127.0.0.1:{server.server_address[1]}")
        opened.append((server, client))
        return client

    yield rest
    for server, client in opened:
        client.close()
        server.shutdown()
        server.server_close()


def test_a_call_that_met_a_busy_database_is_made_again(rest, monkeypatch):
    monkeypatch.setattr(airflow_rest.time, "sleep", lambda seconds: None)
    client = rest(BUSY, BUSY, (201, {"name": "a-pool"}))
    assert client.call("POST", "/pools", body={}) == {"name": "a-pool"}


def test_a_database_that_stays_busy_is_an_error(rest, monkeypatch):
    monkeypatch.setattr(airflow_rest, "BUSY", -1.0)
    with pytest.raises(AirflowApiError, match="Database error") as raised:
        rest(BUSY).call("POST", "/pools", body={})
    assert raised.value.status == 500


@pytest.mark.parametrize("status", [400, 404, 500])
def test_another_error_is_told_at_once(rest, status):
    with pytest.raises(AirflowApiError, match="other words"):
        rest((status, {"detail": "other words"})).call("GET", "/dags")
