"""How Airflow finds the monitor, and what that costs everybody who is no api-server."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

# The first to come sets up a database, runs and an api-server: a minute on a busy machine.
pytestmark = pytest.mark.timeout(600)


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_plugin_imports_nothing_beyond_airflows_own_base():
    before = loaded_after("import airflow.plugins_manager")
    after = loaded_after("import airflow.plugins_manager, airflow_provider_bda.ui.plugin")
    more = {name for name in after - before if not name.startswith(("airflow_provider_bda", "airflow.sdk"))}
    heavy = (
        "fastapi",
        "starlette",
        "boto",
        "aiobotocore",
        "pypdfium2",
        "airflow.api_fastapi",
        "airflow.models",
    )
    assert not {name for name in more if name.startswith(heavy)}
    ours = {name for name in after if name.startswith("airflow_provider_bda")}
    assert ours <= {
        "airflow_provider_bda",
        "airflow_provider_bda.get_provider_info",
        "airflow_provider_bda._compat",
        "airflow_provider_bda.ui",
        "airflow_provider_bda.ui.plugin",
    }


def test_airflow_finds_the_plugin_by_its_entry_point():
    from airflow_provider_bda.ui.plugin import BdaPlugin

    (found,) = [point for point in entry_points(group="airflow.plugins") if point.name == "bda_monitor"]
    assert found.load() is BdaPlugin


def test_the_pages_stand_where_airflow_shows_them(ui, ada):
    views = {
        view["url_route"]: view
        for plugin in ada.get("/api/v2/plugins").json()["plugins"]
        if plugin["name"] == "bda_monitor"
        for view in plugin["external_views"]
    }
    assert {route: view["destination"] for route, view in views.items()} == {
        "bda": "nav",
        "bda-dag": "dag",
        "bda-run": "dag_run",
        "bda-task": "task_instance",
    }
    assert views["bda"]["category"] == "browse"
    for view in views.values():
        assert ada.get(view["href"]).status_code == 200
        assert ada.get(view["icon_dark_mode"]).headers["content-type"].startswith("image/svg+xml")
    assert ada.get("/api/v2/plugins/importErrors").json()["import_errors"] == []


def test_behind_a_path_every_address_begins_with_it(monkeypatch):
    from airflow_provider_bda.ui import plugin

    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.com/a/b/")
    for view in plugin._views():
        assert view["href"].startswith("/a/b/bda/page")
        assert view["icon"].startswith("/a/b/bda/icon/")


def test_the_application_is_built_once_by_the_first_requests(ui, monkeypatch):
    import asyncio

    from airflow_provider_bda.ui import app as application
    from airflow_provider_bda.ui.plugin import LazyApp

    built = []

    def build():
        async def answer(scope, receive, send):
            await send(scope)

        built.append(1)
        return answer

    monkeypatch.setattr(application, "build_app", build)
    lazy, sent = LazyApp(), []

    async def send(message):
        sent.append(message)

    async def ask():
        await asyncio.gather(*(lazy(number, None, send) for number in range(5)))

    asyncio.run(ask())
    assert (len(built), sorted(sent)) == (1, [0, 1, 2, 3, 4])


@pytest.mark.parametrize("map_index", [-1, 3])
def test_the_extra_link_leads_to_the_tasks_page_with_everything_quoted(map_index):
    from types import SimpleNamespace
    from urllib.parse import parse_qs, urlsplit

    from airflow_provider_bda.links import BdaMonitorLink

    key = SimpleNamespace(dag_id="a dag", run_id="manual+2&x=1", task_id="t", map_index=map_index)
    parts = urlsplit(BdaMonitorLink().get_link(None, ti_key=key))
    assert parts.path == "/plugin/bda/bda/page"
    index = {"map_index": ["3"]} if map_index >= 0 else {}
    assert parse_qs(parts.query) == {
        "dag_id": ["a dag"],
        "run_id": ["manual+2&x=1"],
        "task_id": ["t"],
        **index,
    }
