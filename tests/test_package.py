"""What the distribution promises before any Dag runs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import airflow_provider_bda
from airflow_provider_bda.get_provider_info import get_provider_info

ROOT = Path(__file__).parents[1]


def modules_after(code):
    """Run code in a fresh interpreter and answer the modules it loaded."""
    script = f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import airflow_provider_bda",
        "from airflow_provider_bda.get_provider_info import get_provider_info; get_provider_info()",
        "import airflow_provider_bda.jobs",
        "import airflow_provider_bda.jobs.decision, airflow_provider_bda.jobs.event, airflow_provider_bda.jobs.token",
        "import airflow_provider_bda.results",
        "import airflow_provider_bda.aws",
        "import airflow_provider_bda.emulator.pytest_plugin",
    ],
)
def test_importing_it_loads_neither_airflow_nor_boto(code):
    heavy = {"airflow", "boto3", "botocore", "aiobotocore", "moto", "fastapi", "pypdfium2"}
    assert modules_after(code) & heavy == set()


def test_operators_load_neither_the_emulator_nor_readers():
    loaded = modules_after(
        "import airflow_provider_bda.operators.invocation, airflow_provider_bda.sensors.job"
    )
    assert not {
        name for name in loaded if name.startswith(("airflow_provider_bda.emulator", "moto", "pypdfium2"))
    }


def test_what_a_dag_names_loads_nothing_that_only_a_triggerer_or_a_reader_of_results_needs():
    # What is installed: it need not be this checkout.
    package = Path(airflow_provider_bda.__file__).parent
    modules = [
        f"airflow_provider_bda.{folder}.{path.stem}"
        for folder in ("operators", "sensors")
        for path in (package / folder).glob("[!_]*.py")
    ]
    assert modules
    loaded = modules_after(f"import {', '.join(sorted(modules))}")
    triggerers = {"aiobotocore", "aiohttp", "airflow_provider_bda.waiting.poller"}
    readers = {"airflow_provider_bda.results.bundle", "pyarrow", "rapidfuzz"}
    assert loaded & (triggerers | readers) == set()


def test_versions_agree():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert airflow_provider_bda.__version__ == version("airflow-provider-bda")
    assert "## [Unreleased]" in changelog or f"## [{airflow_provider_bda.__version__}]" in changelog


def test_airflow_finds_the_provider():
    (found,) = [
        point
        for point in entry_points(group="apache_airflow_provider")
        if point.value.startswith("airflow_provider_bda")
    ]
    assert found.load()() == get_provider_info()
    assert get_provider_info()["package-name"] == "airflow-provider-bda"


def test_provider_info_passes_airflows_schema_and_names_what_exists():
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    assert "airflow-provider-bda" in manager.providers
    info = get_provider_info()
    for section in ("operators", "hooks", "sensors", "triggers"):
        for entry in info[section]:
            for module in entry["python-modules"]:
                __import__(module)
    for path in info["extra-links"]:
        module, name = path.rsplit(".", 1)
        assert hasattr(__import__(module, fromlist=[name]), name)


def test_pinned_files_hold_names_and_versions_only():
    for path in (ROOT / "requirements").glob("*.txt"):
        for line in path.read_text().splitlines():
            assert "://" not in line
            assert "==" in line or line.startswith("#") or not line.strip(), line
