"""The pytest plugin: ``bda_emulator`` and ``run_dag``.

pytest loads this wherever the provider is installed, so it imports nothing but pytest, and does nothing
until a test asks for a fixture. A test of a Dag needs no more than this::

    def test_invoices_are_read(bda_emulator, run_dag):
        s3 = bda_emulator.client("s3")
        s3.create_bucket(Bucket="documents")
        s3.upload_file("tests/invoice.pdf", "documents", "in/invoice.pdf")
        result = run_dag(my_dag)
        assert result.state == "success"
        assert result.xcom("read_invoice")["status"] == "Success"
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bda.emulator.dag_run import AirflowDatabase, DagResult
    from airflow_provider_bda.emulator.emulator import Emulator


@pytest.fixture
def bda_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An empty emulator of one's own, to which the Airflow connection ``aws_default`` and AWS's SDKs lead.

    Every ``AWS_*`` variable is taken away for the test, so that nothing reaches a real account. Jobs end as
    soon as their document is read; ``bda_emulator.settings`` changes that.
    """
    from airflow_provider_bda.emulator import Emulator, Settings  # noqa: PLC0415 - heavy, and only wanted here

    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    with Emulator(Settings(duration=0.0)) as emulator:
        for name, value in emulator.environ().items():
            monkeypatch.setenv(name, value)
        yield emulator


@pytest.fixture(scope="session")
def _bda_airflow_database(tmp_path_factory: pytest.TempPathFactory) -> AirflowDatabase:
    """One Airflow database a session, in a temporary folder; migrated when it is first used."""
    from airflow_provider_bda.emulator.dag_run import AirflowDatabase  # noqa: PLC0415 - see above

    return AirflowDatabase(tmp_path_factory.mktemp("bda-airflow"))


@pytest.fixture
def run_dag(
    _bda_airflow_database: AirflowDatabase,
) -> Iterator[Callable[..., DagResult]]:
    """Run a Dag in this process, triggers included: ``run_dag(dag, conf=None, logical_date=None)`` answers states and XComs.

    The run uses a temporary database, whatever Airflow was set up with; that is put back after the test.
    ``AIRFLOW_HOME`` is left alone if it is set or Airflow is imported already, as it is by a test module that
    imports its Dag; else it is a temporary folder too.
    """
    from airflow_provider_bda.emulator.dag_run import run_dag as run  # noqa: PLC0415 - see above

    with _bda_airflow_database.active():
        yield run
