"""The pytest plugin, from the outside: what a user's own test of a Dag looks like."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

DAG = """
from __future__ import annotations

import json

import boto3
from airflow.sdk import dag, task
from airflow.providers.amazon.aws.hooks.s3 import S3Hook


@dag(schedule=None)
def documents():
    @task
    def count(bucket):
        return len(S3Hook("aws_default").list_keys(bucket))

    @task
    def double(number):
        return 2 * number

    double.expand(number=[1, 2])
    count("{{ dag_run.conf['bucket'] }}")


the_dag = documents()
"""

TEST = """
from dag_of_mine import the_dag


def test_my_dag(bda_emulator, run_dag):
    s3 = bda_emulator.client("s3")
    s3.create_bucket(Bucket="documents")
    s3.put_object(Bucket="documents", Key="a.pdf", Body=b"x")
    result = run_dag(the_dag, {"bucket": "documents"})
    assert result.state == "success"
    assert result.tasks == {"count": "success", "double[0]": "success", "double[1]": "success"}
    assert result.xcom("count") == 1
    assert result.xcom("double", map_index=1) == 4


def test_a_second_run_sees_an_emulator_of_its_own(bda_emulator, run_dag):
    result = run_dag(the_dag, {"bucket": "documents"})
    assert (result.state, result.tasks["count"]) == ("failed", "failed")
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "dag_of_mine.py").write_text(DAG)
    (tmp_path / "test_dag_of_mine.py").write_text(TEST)
    return tmp_path


def run_pytest(project, *arguments, **environ):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AIRFLOW"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=project,
        env={**kept, "HOME": str(project), "PYTHONPATH": str(project), **environ},
        capture_output=True,
        text=True,
        timeout=190,
        check=False,
    )


@pytest.mark.airflow
@pytest.mark.timeout(200)
def test_a_users_test_of_a_dag_passes_and_leaves_their_airflow_alone(project):
    home = project / "my-airflow"
    done = run_pytest(
        project, AIRFLOW_HOME=str(home), AWS_PROFILE="nobody", AWS_ENDPOINT_URL="http://127.0.0.1:9"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert not (home / "airflow.db").exists()


def test_the_plugin_imports_nothing_heavy(project):
    code = (
        "import sys; before = set(sys.modules); import pytest\n"
        "import airflow_provider_bda.emulator.pytest_plugin\n"
        "heavy = {'airflow', 'boto3', 'botocore', 'moto', 'uvicorn', 'regex', 'flask'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "[]\n"


def test_the_fixture_keeps_a_test_off_real_accounts(monkeypatch, bda_emulator):
    import boto3

    assert os.environ["AWS_ENDPOINT_URL"] == bda_emulator.endpoint_url
    client = boto3.session.Session().client("sts")
    assert client.get_caller_identity()["Account"] == bda_emulator.account
    client.close()
