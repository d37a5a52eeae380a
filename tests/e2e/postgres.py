"""A PostgreSQL of a test's own: in a folder that goes with it, on a socket, run by somebody without rights."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where Debian puts the server's programs, beside the PATH.
DEBIAN = Path("/usr/lib/postgresql")
#: Who runs it where root asks: PostgreSQL refuses root.
UNPRIVILEGED = ("postgres", "nobody")
#: It may forget all when the machine fails, but not when only the server does.
QUICK = "-c fsync=off -c full_page_writes=off"


class Postgres:
    """A server that runs.

    :param bin_folder: of ``pg_ctl`` and its like.
    :param home: its folder, which also has the socket.
    """

    def __init__(self, bin_folder: Path, home: Path) -> None:
        self._bin, self._home = bin_folder, home
        self._who = _somebody(home)
        self._data, self._log = home / "data", home / "log"
        #: For SQLAlchemy.
        self.url = f"postgresql+psycopg2:///postgres?host={home}&user=airflow"

    def create(self) -> None:
        """Make an empty database, and start."""
        self._run("initdb", "-D", str(self._data), "-U", "airflow", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = f"-k {self._home} -c listen_addresses='' -c max_connections=200 {QUICK}"
        # The server keeps what it inherits open: its own log, not our pipe.
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self._log), "-o", options)

    def crash(self) -> None:
        """Stop at once, without a word to anybody: every connection breaks off."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-D", str(self._data))

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        ran = subprocess.run(
            command, cwd=self._home, capture_output=True, text=True, check=False, timeout=60, **self._who
        )
        if ran.returncode:
            said = self._log.read_text() if self._log.exists() else ""
            raise RuntimeError(f"{' '.join(command)}: {ran.stdout}{ran.stderr}{said}")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a server with an empty database while the ``with`` block lasts; without the programs for it, skip."""
    found = _programs()
    if found is None:
        missing("PostgreSQL", "postgresql")
    # Not pytest's folder: a socket's path has at most 107 characters, and nobody else may enter that one.
    home = Path(tempfile.mkdtemp(prefix="bda-pg-"))
    try:
        server = Postgres(found, home)
        server.create()
        try:
            yield server
        finally:
            server.crash()
    finally:
        shutil.rmtree(home)


def missing(what: str, package: str) -> NoReturn:
    """Skip the test for want of a program; in CI, which installs it, fail."""
    reason = f"there is no {what} (apt-get install {package})"
    pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


def _programs() -> Path | None:
    """Answer the folder of ``initdb`` and ``pg_ctl``, the newest there is; None without PostgreSQL."""
    on_path = shutil.which("pg_ctl")
    folders = sorted(DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    folders += [Path(on_path).resolve().parent] if on_path else []
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def _somebody(home: Path) -> dict[str, Any]:
    """Answer as whom a process is started, and give them the folder; empty for ourselves."""
    if os.geteuid():
        return {}
    known = {user.pw_name for user in pwd.getpwall()}
    user = pwd.getpwnam(next(name for name in UNPRIVILEGED if name in known))
    os.chown(home, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
