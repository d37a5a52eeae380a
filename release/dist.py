"""Builds sdist and wheel into ``dist/`` and checks them: ``python -m release.dist``, or ``make dist``.

The wheel holds the package, all of it and nothing else; the sdist holds what its own tests need; a wheel built of the sdist
is the same wheel. Beside them lies how Airflow's registry and ecosystem page list the provider (``listing``).
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import airflow_provider_bda
from release import listing

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "airflow_provider_bda"
GROUPS = ("apache_airflow_provider", "airflow.plugins", "pytest11")
#: What somebody who unpacks the sdist needs to run its tests and build its docs.
NEEDED = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "requirements/newest.txt",
    "tests/conftest.py",
    "example_dags/bda_one_document.py",
    "docs/index.md",
    "docs/conf.py",
)


def main() -> int:
    """Build, check, and say what is wrong.

    :return: 0 if all is well.
    """
    folder = ROOT / "dist"
    for old in folder.glob("airflow_provider_bda-*"):
        old.unlink()
    build(ROOT, folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    faults = [*wheel_faults(wheel), *sdist_faults(sdist, wheel), *listing.write(folder)]
    for fault in faults:
        print(fault)
    if not faults:
        for path in (sdist, wheel):
            print(
                f"{path.relative_to(ROOT)}  {path.stat().st_size:,} bytes  sha256 {_sha256(path.read_bytes())}"
            )
    return bool(faults)


def build(source: Path, folder: Path, *only: str) -> None:
    """Build into a folder, with the build back end that this environment has: nothing is fetched."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), *only]
    subprocess.run(command, cwd=source, check=True, stdout=subprocess.DEVNULL)


def wheel_faults(wheel: Path) -> Iterator[str]:
    """Answer what is wrong with a wheel."""
    members = contents(wheel)
    info = f"{PACKAGE}-{airflow_provider_bda.__version__}.dist-info"
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / PACKAGE).rglob("*") if path.is_file()}
    ours = {name for name in ours if "__pycache__" not in name}
    shipped = {name for name in members if not name.startswith(f"{info}/")}
    yield from (f"{wheel.name}: lacks {name}" for name in sorted(ours - shipped))
    yield from (f"{wheel.name}: has {name}" for name in sorted(shipped - ours))
    if f"{info}/METADATA" not in members:
        yield f"{wheel.name}: is not version {airflow_provider_bda.__version__}"
        return
    with zipfile.ZipFile(wheel) as archive:
        metadata = message_from_bytes(archive.read(f"{info}/METADATA"))
        points = archive.read(f"{info}/entry_points.txt").decode()
    yield from (f"{wheel.name}: no entry point in {group}" for group in GROUPS if f"[{group}]" not in points)
    yield from (
        f"{wheel.name}: needs an address: {needed}"
        for needed in metadata.get_all("Requires-Dist", [])
        if "://" in needed
    )
    for field in (
        "Name",
        "Version",
        "Summary",
        "License-Expression",
        "Requires-Python",
        "Description-Content-Type",
    ):
        if not metadata[field]:
            yield f"{wheel.name}: its metadata has no {field}"


def sdist_faults(sdist: Path, wheel: Path) -> Iterator[str]:
    """Answer what is wrong with an sdist, beside whose own wheel is compared."""
    with tempfile.TemporaryDirectory(prefix="bda-sdist-") as home:
        with tarfile.open(sdist) as archive:
            archive.extractall(home, filter="data")
        (source,) = Path(home).iterdir()
        yield from (f"{sdist.name}: lacks {name}" for name in NEEDED if not (source / name).exists())
        yield from (
            f"{sdist.name}: has {path.relative_to(source)}"
            for path in source.rglob("*")
            if path.name in {"__pycache__", ".venv", ".env"} or path.suffix == ".pyc"
        )
        build(source, Path(home) / "again", "-t", "wheel")
        again = contents(next((Path(home) / "again").glob("*.whl")))
        before = contents(wheel)
        yield from (
            f"{sdist.name}: its wheel differs in {name}"
            for name in sorted(before.keys() | again.keys())
            if before.get(name) != again.get(name)
        )


def contents(wheel: Path) -> dict[str, str]:
    """Answer the members of a wheel with the hash of each."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: _sha256(archive.read(name)) for name in archive.namelist() if not name.endswith("/")}


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
