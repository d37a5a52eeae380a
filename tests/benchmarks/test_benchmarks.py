"""The benchmarks run. No figure is judged here: a benchmark is no timed test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(240)
def test_the_waiting_benchmark_runs_and_every_event_comes(tmp_path):
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "waiting", "--quick", "--jobs", "20", "--json", str(out)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = json.loads(out.read_text())
    assert report["faults"] == []
    assert {name: len(measured["events"]) for name, measured in report["raw"].items()} == {
        "ours": 20,
        "peer": 20,
    }
    assert "CPU per status call" in done.stdout


@pytest.mark.timeout(240)
def test_the_index_benchmark_runs_and_buys_each_document_once(tmp_path):
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "index", "--quick", "--known", "5000", "--new", "300"]

    done = subprocess.run(
        [*command, "--json", str(out)], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = json.loads(out.read_text())
    assert report["faults"] == []
    assert report["raw"]["steps"]["commit"]["calls"] == 3


@pytest.mark.timeout(240)
def test_the_benchmark_of_a_role_refreshes_while_jobs_wait(tmp_path):
    out = tmp_path / "figures.json"
    sizes = ["--jobs", "5", "--peer-jobs", "3", "--seconds", "6"]
    command = [sys.executable, "-m", "benchmarks", "role_refresh", "--quick", *sizes, "--json", str(out)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = json.loads(out.read_text())
    assert report["faults"] == []
    assert {name: len(measured["events"]) for name, measured in report["raw"].items()} == {
        "ours": 5,
        "peer": 3,
    }
    assert all(measured["refreshed"] > 0 for measured in report["raw"].values())


def test_an_unknown_benchmark_is_refused_with_the_names_there_are():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "sleeping"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "no benchmark is named sleeping; there are: waiting, polling, role_refresh, " in done.stderr


@pytest.mark.timeout(240)
def test_the_benchmark_of_the_monitor_asks_every_route(tmp_path):
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "ui", "--quick", "--json", str(out)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    (report,) = json.loads(out.read_text())
    assert {"overview", "batch", "documents", "document", "segment", "picture", "raw"} <= set(
        report["raw"]["routes"]
    )
