"""What is kept between answers: made once for all who ask at once, and failures not asked for again at once."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airflow_provider_bda.ui import kept, reading
from airflow_provider_bda.ui.kept import Kept
from airflow_provider_bda.ui.reading import Source


def test_what_many_ask_for_at_once_is_made_once():
    values, made, all_here = Kept(10), [], threading.Barrier(8)

    def make():
        made.append(1)
        return "value", 1

    def ask(_):
        all_here.wait(timeout=10)
        return values.get("key", make, 60.0)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == {"value"}
    assert len(made) == 1


def test_a_failure_is_told_again_for_a_moment_and_then_asked_for_anew(monkeypatch):
    values, asked = Kept(10, (FileNotFoundError,)), []

    def make():
        asked.append(1)
        raise FileNotFoundError("key")

    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            values.get("key", make, 60.0)
    assert len(asked) == 1
    monkeypatch.setattr(kept, "FAILURE_TTL", 0.0)
    values.clear()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            values.get("key", make, 60.0)
    assert len(asked) == 3


def test_another_failure_is_not_kept():
    values, asked = Kept(10, (FileNotFoundError,)), []

    def make():
        asked.append(1)
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            values.get("key", make, 60.0)
    assert len(asked) == 2


def test_the_oldest_go_when_it_is_too_much():
    values = Kept(3)
    for name in "abcd":
        values.get(name, lambda: ("", 1), 60.0)
    assert (values.last("a"), values.last("b")) == (None, values.last("b"))
    assert values.last("b") is not None


@pytest.mark.timeout(600)
def test_a_changed_connection_is_another_client_and_an_unchanged_one_the_same(ui):
    source = Source("aws_default")
    client = source.client
    reading._CONNECTIONS.clear()
    assert source.client is client
    changed = {**ui.aws.connection(), "password": "another"}
    # Undone here, before the world takes its own connection away.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(changed))
        reading._CONNECTIONS.clear()
        assert source.client is not client
