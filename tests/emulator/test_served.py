"""The page of served operations, and that the emulator serves what the catalogue needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import botocore
import pytest

from airflow_provider_bda.emulator.served import page, served_by
from airflow_provider_bda.emulator.services.all import SERVICES
from airflow_provider_bda.jobs import JOB_KINDS

PAGE = Path(__file__).parents[2] / "docs" / "emulator-operations.md"


@pytest.mark.parametrize("kind", JOB_KINDS.values(), ids=lambda kind: kind.name)
def test_every_operation_of_every_kind_is_served(kind):
    served = {service.name: set(served_by(service)[0]) for service in SERVICES}
    wanted = {kind.start, *kind.also_started_by, kind.describe, kind.list_operation, kind.stop_operation}
    assert wanted - {None} <= served[kind.service]


def test_both_data_automation_services_are_served_whole():
    left = {service.name: served_by(service)[1] for service in SERVICES}
    assert (left["bedrock-data-automation"], left["bedrock-data-automation-runtime"]) == ([], [])


def test_the_page_in_the_docs_is_up_to_date():
    if tuple(int(part) for part in botocore.__version__.split(".")[:2]) < (1, 43):
        pytest.skip("the page lists the operations of the newest botocore; this one is older")
    assert PAGE.read_text() == page(), f"run: python -m airflow_provider_bda.emulator.served > {PAGE.name}"


def test_the_module_prints_the_page():
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_bda.emulator.served"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == page()
