"""Who may see what: every route, through the real api-server."""

from __future__ import annotations

import pytest

# The first to come sets up a database, runs and an api-server: a minute on a busy machine.
pytestmark = pytest.mark.timeout(600)

ROUTES = (
    "page",
    "static/main.js",
    "icon/light.svg",
    "api/overview",
    "api/dags/{dag}/task",
    "api/dags/{dag}/documents",
    "api/dags/{dag}/download",
    "api/dags/{dag}/document",
    "api/dags/{dag}/segment",
    "api/dags/{dag}/picture",
    "api/dags/{dag}/raw",
)
OF_A_DAG = [route for route in ROUTES if "{dag}" in route]


@pytest.fixture
def refused(monkeypatch):
    """An auth manager that refuses a Dag to one user, the rest is SimpleAuthManager."""
    from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

    whole = SimpleAuthManager.is_authorized_dag

    def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
        if details is not None and details.id == "secret_dag" and user.get_name() == "vic":
            return False
        return whole(self, method=method, user=user, access_entity=access_entity, details=details)

    monkeypatch.setattr(SimpleAuthManager, "is_authorized_dag", is_authorized_dag)


def ask(client, ui, route, dag="secret_dag", **more):
    where = {"run_id": ui.secret.run_id, "task_id": "extract"} if "{dag}" in route else {}
    return client.get(f"/bda/{route.format(dag=dag)}", params={**where, **more})


def test_this_list_has_every_route():
    from airflow_provider_bda.ui.app import build_app

    have = {route.path.removeprefix("/") for route in build_app().routes}
    assert have == {
        route.format(dag="{dag_id}").replace("main.js", "{name}").replace("light.svg", "{name}")
        for route in ROUTES
    }


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_gets_401_and_a_bad_token_403(ui, client_of, route):
    assert ask(client_of(None), ui, route).status_code == 401
    forged = client_of(None)
    forged.headers["Authorization"] = "Bearer forged"
    assert ask(forged, ui, route).status_code == 403
    cookie = client_of(None, cookies={"_token": "forged"})
    assert ask(cookie, ui, route).status_code in {401, 403}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", ["ada", "vic"])
def test_who_may_read_the_dag_gets_an_answer(ui, client_of, route, name):
    assert ask(client_of(name), ui, route).status_code == 200


@pytest.mark.parametrize("route", OF_A_DAG)
def test_a_refused_dag_is_403_for_all_of_it(ui, client_of, route, refused):
    assert ask(client_of("vic"), ui, route).status_code == 403
    assert ask(client_of("noel"), ui, route).status_code == 200


@pytest.mark.parametrize("route", OF_A_DAG)
def test_a_second_dag_in_the_query_opens_nothing(ui, client_of, route, refused):
    vic = client_of("vic")
    assert ask(vic, ui, route, dag_id="open_dag").status_code == 403
    assert ask(vic, ui, route, dag="open_dag", dag_id="secret_dag").status_code == 404
    assert ask(vic, ui, route, dag="~", dag_id="secret_dag").status_code == 404


def test_the_overview_and_its_totals_hold_readable_dags_only(ui, client_of, refused):
    whole = client_of("noel").get("/bda/api/overview").json()
    less = client_of("vic").get("/bda/api/overview").json()
    assert "secret_dag" in {row["dag_id"] for row in whole["rows"]} & set(whole["dags"])
    assert "secret_dag" not in {row["dag_id"] for row in less["rows"]} | set(less["dags"])
    assert less["totals"]["total"] == whole["totals"]["total"] - 1
    assert "secret_dag" not in client_of("vic").get("/bda/api/overview?dag_id=secret_dag").text


@pytest.mark.parametrize("route", OF_A_DAG)
def test_what_does_not_exist_is_404(ui, ada, route):
    assert ask(ada, ui, route, dag="no_such_dag").status_code == 404
    assert ask(ada, ui, route, run_id="no_such_run").status_code == 404
    assert ask(ada, ui, route, task_id="no_such_task").status_code == 404
    assert ask(ada, ui, route, map_index="7").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "openapi.json",
        "docs",
        "redoc",
        "static/../app.py",
        "static/app.py",
        "static/%2e%2e%2fapp.py",
        "nothing",
    ],
)
def test_no_schema_and_no_other_file_is_public(ui, ada, client_of, path):
    for client in (ada, client_of(None)):
        answer = client.get(f"/bda/{path}")
        assert answer.status_code in {401, 404}, answer.text[:200]
        assert "FastAPI" not in answer.text


def test_headers_hold_the_page_in(ui, ada):
    for route in ("page", "static/main.js", "api/overview"):
        headers = ada.get(f"/bda/{route}").headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "private" in headers["cache-control"]


def test_only_reading(ui, ada):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert ada.request(method, "/bda/api/overview").status_code == 405
