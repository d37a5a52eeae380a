"""What ``make dist`` would find; that it builds and finds nothing is seen by running it."""

from __future__ import annotations

import zipfile

from airflow_provider_bda import __version__
from release.dist import ROOT, wheel_faults

INFO = f"airflow_provider_bda-{__version__}.dist-info"


def a_wheel(folder, **instead):
    """Pack a wheel by hand: the package as it is, but for what a test wants otherwise; None leaves a file out."""
    files = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in (ROOT / "airflow_provider_bda").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    files[f"{INFO}/METADATA"] = (
        b"Name: airflow-provider-bda\nVersion: 0\nSummary: s\nLicense-Expression: Apache-2.0\nRequires-Python: >=3.11\n"
        b"Description-Content-Type: text/markdown\nRequires-Dist: boto3\n"
    )
    files[f"{INFO}/entry_points.txt"] = b"[apache_airflow_provider]\n[airflow.plugins]\n[pytest11]\n"
    files |= instead
    wheel = folder / "a.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, body in files.items():
            if body is not None:
                archive.writestr(name, body)
    return wheel


def test_a_wheel_that_is_complete_has_no_fault(tmp_path):
    assert list(wheel_faults(a_wheel(tmp_path))) == []


def test_what_is_missing_or_too_much_is_named(tmp_path):
    wheel = a_wheel(tmp_path, **{"airflow_provider_bda/py.typed": None, "tests/conftest.py": b""})
    assert list(wheel_faults(wheel)) == [
        "a.whl: lacks airflow_provider_bda/py.typed",
        "a.whl: has tests/conftest.py",
    ]


def test_another_version_an_address_and_a_lost_entry_point_are_named(tmp_path):
    assert list(wheel_faults(a_wheel(tmp_path, **{f"{INFO}/METADATA": None}))) == [
        f"a.whl: is not version {__version__}"
    ]
    metadata = b"Name: n\nVersion: 0\nSummary: s\nRequires-Python: >=3.11\nDescription-Content-Type: t\n"
    faulty = {
        f"{INFO}/METADATA": metadata + b"Requires-Dist: boto3 @ https://example.com/boto3.whl\n",
        f"{INFO}/entry_points.txt": b"[apache_airflow_provider]\n[pytest11]\n",
    }
    assert list(wheel_faults(a_wheel(tmp_path, **faulty))) == [
        "a.whl: no entry point in airflow.plugins",
        "a.whl: needs an address: boto3 @ https://example.com/boto3.whl",
        "a.whl: its metadata has no License-Expression",
    ]
