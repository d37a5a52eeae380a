"""What every test gets: no AWS credentials of this machine, and an Airflow home of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

#: The tests of these folders share a world that takes most of a minute to make: one worker does them all.
_TOGETHER = ("tests/ui/",)

# Airflow reads these when it is first imported, which is when the first test module is collected.
_HOME = tempfile.mkdtemp(prefix="airflow-provider-bda-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
    del os.environ[_name]
os.environ.update(
    {
        "AIRFLOW_HOME": _HOME,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_HOME}/airflow.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": f"{_HOME}/logs",
    }
)


@pytest.fixture(autouse=True)
def no_ambient_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wipe AWS_* and the AWS files, so that nothing reaches an account by accident."""
    # Airflow looks there first: one that another test left behind would be this test's connection.
    assert not [name for name in os.environ if name.startswith("AIRFLOW_CONN_")], "left by another test"
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))


def pytest_configure(config):
    # With this scheduling, what replaces a crashed worker waits for ever (xdist 3.8): a crash ends the run instead.
    if hasattr(config.option, "maxworkerrestart"):
        config.option.maxworkerrestart = "0"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Deal tests out one by one, but for those that stay together (xdist's own marks for that do nothing on pytest 9.2)."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return next((folder for folder in _TOGETHER if nodeid.startswith(folder)), nodeid)

    return Scheduling(config, log)
