"""A PostgreSQL of a test's own: in a folder that goes with it, on a socket, run by somebody without rights."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where Debian puts the server's programs, beside the PATH.
DEBIAN = Path("/usr/lib/postgresql")
#: Who runs it where root asks: PostgreSQL refuses root.
UNPRIVILEGED = ("postgres", "nobody")
#: It may forget all when the machine fails.
QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


def programs() -> Path | None:
    """Answer the folder of ``initdb`` and ``pg_ctl``, the newest there is; None without PostgreSQL."""
    on_path = shutil.which("pg_ctl")
    folders = sorted(DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    folders += [Path(on_path).resolve().parent] if on_path else []
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def postgres(bin_folder: Path) -> Iterator[str]:
    """Run a server with an empty database while the ``with`` block lasts; answer its URL for SQLAlchemy."""
    # Not pytest's folder: a socket's path has at most 107 characters, and nobody else may enter that one.
    home = Path(tempfile.mkdtemp(prefix="bda-pg-"))
    who = _somebody(home)
    data, log = home / "data", home / "log"

    def run(program: str, *arguments: str) -> None:
        command = [str(bin_folder / program), *arguments]
        ran = subprocess.run(
            command, cwd=home, capture_output=True, text=True, check=False, timeout=60, **who
        )
        if ran.returncode:
            said = log.read_text() if log.exists() else ""
            raise RuntimeError(f"{' '.join(command)}: {ran.stdout}{ran.stderr}{said}")

    try:
        run("initdb", "-D", str(data), "-U", "airflow", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-k {home} -c listen_addresses='' {QUICK}"
        # The server keeps what it inherits open: its own log, not our pipe.
        run("pg_ctl", "start", "-w", "-D", str(data), "-l", str(log), "-o", options)
        try:
            yield f"postgresql+psycopg2:///postgres?host={home}&user=airflow"
        finally:
            run("pg_ctl", "stop", "-m", "immediate", "-D", str(data))
    finally:
        shutil.rmtree(home)


def _somebody(home: Path) -> dict[str, Any]:
    """Answer as whom a process is started, and give them the folder; empty for ourselves."""
    if os.geteuid():
        return {}
    known = {user.pw_name for user in pwd.getpwall()}
    user = pwd.getpwnam(next(name for name in UNPRIVILEGED if name in known))
    os.chown(home, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
