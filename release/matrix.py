"""Tests the wheel, not the checkout, on each Airflow and Python it is promised for: ``python -m release.matrix``, ``make matrix``.

Each row is an environment of its own, from a registry's packages, and a folder with the tests but without the package's source.
The result is a table, ``docs/compatibility.md``; a Python that this machine has not stands there as not tried.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from release.dist import ROOT, build

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PYTHONS = ("3.11", "3.12", "3.13")
PAGE = ROOT / "docs" / "compatibility.md"
#: What the rows before found: a row that is run again replaces its own.
KEPT = ROOT / "docs" / "compatibility.json"
#: What the tests need beside the package that is installed.
_BESIDE = (
    "tests",
    "example_dags",
    "demo",
    "benchmarks",
    "release",
    "docs",
    "pyproject.toml",
    "Makefile",
    "README.md",
    "CHANGELOG.md",
)
#: Of no row: what asks nothing of Airflow, or is about this checkout.
_LEFT_OUT = ("emulator", "results", "benchmarks", "docs", "release", "security", "e2e")
#: On another Python than a row's own, these besides: they run whole Dags or processes, and ask of Airflow, not of Python.
_IN_AIRFLOW = (
    "test_example_*.py",
    "test_iam.py",
    "parity",
    "identity",
    "ui",
    "check",
    "operators/test_deadlines_in_airflow.py",
)
#: Seconds for the tests of a row.
LIMIT = 5400


@dataclass(frozen=True)
class Row:
    """A set of versions.

    :param name: for people.
    :param airflow: the requirement on Airflow.
    :param python: its own, on which it has all tests.
    :param pins: a file of ``requirements/``; None takes the newest there are.
    :param but: what this Airflow does not run with, though its packages allow it: its own constraints hold it back.
    """

    name: str
    airflow: str
    python: str
    pins: str | None = None
    but: tuple[str, ...] = ()


ROWS = (
    Row("the lowest versions", "apache-airflow==3.1.8", "3.11", "lowest.txt"),
    Row("newest 3.1", "apache-airflow==3.1.*", "3.11"),
    Row("MWAA's pins for 3.2.1", "apache-airflow==3.2.1", "3.12", "mwaa-3.2.1.txt"),
    # With newer ones Airflow 3.2.2 builds no API for tasks, or that finds no registry: no task runs, whatever it is.
    Row("newest 3.2", "apache-airflow==3.2.*", "3.12", but=("fastapi<0.137", "svcs<26")),
    Row("MWAA's pins for 3.3.1", "apache-airflow==3.3.1", "3.12", "mwaa-3.3.1.txt"),
    Row("newest 3.3", "apache-airflow==3.3.*", "3.13"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the rows.

    :return: 0 if none failed.
    """
    parser = argparse.ArgumentParser(prog="python -m release.matrix", description=__doc__)
    parser.add_argument("--rows", nargs="*", metavar="WORDS", help="only rows with these words in their name")
    parser.add_argument("--pythons", nargs="*", default=PYTHONS, metavar="3.N")
    parser.add_argument("tests", nargs="*", help="what pytest is to run (after --); all by default")
    options = parser.parse_args(arguments)
    told: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    with tempfile.TemporaryDirectory(prefix="bda-matrix-") as home:
        build(ROOT, Path(home), "-t", "wheel")
        (wheel,) = Path(home).glob("*.whl")
        for row in ROWS:
            if options.rows and not any(words in row.name for words in options.rows):
                continue
            for version in options.pythons:
                python = find_python(version)
                if python is None:
                    print(f"{row.name}, Python {version}: this machine has none", flush=True)
                    continue
                print(f"{row.name}, Python {version}", flush=True)
                with tempfile.TemporaryDirectory(prefix="bda-matrix-row-") as folder:
                    more = (
                        options.tests if version == row.python else [*options.tests, *_ignored(_IN_AIRFLOW)]
                    )
                    told[f"{row.name}|{version}"] = found = run(row, python, wheel, Path(folder), more)
                print(f"  {_said(found)}", flush=True)
                KEPT.write_text(json.dumps(told, indent=1) + "\n")
    PAGE.write_text("\n".join(page(told)) + "\n")
    return int(any(found.get("failed") or found.get("problem") for found in told.values()))


def find_python(version: str) -> str | None:
    """Find an interpreter: on the PATH, or among pyenv's, whose stand-ins on the PATH need not work."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [shutil.which(f"python{version}"), *sorted(root.glob(f"versions/{version}.*/bin/python"))]
    for path in map(str, filter(None, found)):
        if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return path
    return None


def run(row: Row, python: str, wheel: Path, folder: Path, tests: Sequence[str]) -> dict[str, Any]:
    """Make the environment, run the tests, and answer versions and counts, or what went wrong."""
    told: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat()}
    own = folder / "venv" / "bin" / "python"
    pins = ["-c", str(ROOT / "requirements" / row.pins)] if row.pins else []
    uv = [sys.executable, "-m", "uv"]
    for command in (
        [*uv, "venv", "-q", "-p", python, str(folder / "venv")],
        [*uv, "pip", "install", "-q", "--python", str(own), f"{wheel}[dev]", row.airflow, *row.but, *pins],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return {**told, "problem": "does not install", "words": done.stderr[-2000:]}
    project = folder / "project"
    project.mkdir()
    for name in _BESIDE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, project / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, project)
    environment = {
        name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}
    }
    asked = subprocess.run(
        [own, "-c", _VERSIONS], cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    told |= json.loads(asked.stdout.splitlines()[-1])
    if not Path(told.pop("package")).is_relative_to(folder / "venv"):
        raise RuntimeError("the tests would run on the checkout, not on the wheel")
    report = folder / "junit.xml"
    command = [
        str(own),
        "-m",
        "pytest",
        "-q",
        "-m",
        "not e2e",
        "-n",
        "3",
        "--dist",
        "load",
        f"--junitxml={report}",
    ]
    # Deprecations of versions that nobody here has pinned are theirs.
    command += ["-o", "filterwarnings=default"]
    command += [*_ignored(_LEFT_OUT), *tests]
    began = time.monotonic()
    with (ROOT / "build" / f"matrix-{row.name.replace(' ', '-')}-{told['python']}.log").open("w") as log:
        subprocess.run(
            command, cwd=project, env=environment, stdout=log, stderr=log, check=False, timeout=LIMIT
        )
    if not report.exists():
        return {**told, "problem": "pytest ended without a report"}
    suite = next(ET.parse(report).getroot().iter("testsuite"))  # noqa: S314 - of our own pytest
    count = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"]
    passed = count["tests"] - failed - count["skipped"]
    return {
        **told,
        "passed": passed,
        "failed": failed,
        "skipped": count["skipped"],
        "seconds": round(time.monotonic() - began),
    }


def _ignored(names: Sequence[str]) -> list[str]:
    return [f"--ignore-glob=tests/{name}" for name in names]


_VERSIONS = """
import json
import platform
from importlib.metadata import version
import airflow_provider_bda
names = {"airflow": "apache-airflow", "amazon": "apache-airflow-providers-amazon", "boto3": "boto3"}
print(json.dumps({"package": airflow_provider_bda.__file__, "python": platform.python_version(), **{key: version(name) for key, name in names.items()}}))
"""


def page(told: dict[str, Any]) -> Iterator[str]:
    """Yield the page of the docs."""
    yield "# Compatibility"
    yield ""
    yield "<!-- written by `make matrix` -->"
    yield "The wheel, installed from a registry's packages, under the tests (all but the end-to-end tests, and those of the emulator, the"
    yield "results' views, the docs and the release). On each row's own Python all of them ran; on the others all but those that run"
    yield "whole Dags:"
    yield ""
    yield "| versions | Airflow | Python | tests | amazon provider | boto3 | passed | failed | skipped | on |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in ROWS:
        for version in PYTHONS:
            found = told.get(f"{row.name}|{version}")
            depth = "all" if version == row.python else "without Dags"
            if found is None:
                yield f"| {row.name} | | {version} | {depth} | | | not tried | | | |"
            elif "problem" in found:
                said = f"{found['problem']} | | | {found['date']}"
                yield f"| {row.name} | {row.airflow} | {version} | {depth} | | | {said} |"
            else:
                versions = (
                    f"{found['airflow']} | {found['python']} | {depth} | {found['amazon']} | {found['boto3']}"
                )
                counts = f"{found['passed']:,} | {found['failed']} | {found['skipped']} | {found['date']}"
                yield f"| {row.name} | {versions} | {counts} |"
    for row in ROWS:
        if row.but:
            yield ""
            held = ", ".join(f"`{each}`" for each in row.but)
            yield f"*{row.name}* was tried with {held}: this Airflow runs no task with all that its packages allow, so install it by its"
            yield "own constraints."
    yield ""
    yield "What is skipped says why: mostly what only Airflow 3.3 has (state store, start from the trigger, retry policies). The floor is"
    yield "Airflow 3.1.8 with Amazon provider 9.25.0."


def _said(found: dict[str, Any]) -> str:
    if "problem" in found:
        return f"{found['problem']}\n{found.get('words', '')}"
    return f"Airflow {found['airflow']}: {found['passed']} passed, {found['failed']} failed, {found['skipped']} skipped, {found['seconds']} s"


if __name__ == "__main__":
    sys.exit(main())
