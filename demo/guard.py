"""Ends every process of one run, also when the process that started them was killed.

Airflow's components fork workers that leave their parent's process group, and a killed parent can
end nothing. So each process of a run inherits a mark in its environment, and a guard, a process of
its own session, waits on a pipe: the pipe closes when the parent is gone by whatever means, and the
guard then ends what still carries the mark. Runs as a plain script: ``python guard.py MARK``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

#: The environment variable that carries the mark.
MARK = "BDA_DEMO_RUN"


def marked(mark: str) -> list[psutil.Process]:
    """Find the living processes that carry ``mark``; this process is never among them."""
    found = []
    for process in psutil.process_iter():
        # Gone, a zombie, or somebody else's: not ours to end.
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and process.pid != os.getpid():
                found.append(process)
    return found


def end(mark: str, *, grace: float = 4.0) -> list[psutil.Process]:
    """End what carries ``mark``: SIGTERM, then SIGKILL until nothing is left.

    :param grace: seconds between the two.
    :returns: what is still alive, which should be nothing.
    """
    _signal(marked(mark), signal.SIGTERM, wait=grace)
    for _ in range(3):  # what forked while it was looked for is found the next time
        if not (left := marked(mark)):
            break
        _signal(left, signal.SIGKILL, wait=2.0)
    return marked(mark)


def _signal(processes: list[psutil.Process], number: signal.Signals, *, wait: float) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(number)
    psutil.wait_procs(processes, timeout=wait)


def start(mark: str) -> subprocess.Popen[bytes]:
    """Start a guard for ``mark``. Closing its ``stdin`` makes it end the run's processes and itself."""
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve()), mark],
        stdin=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != MARK},
        start_new_session=True,
    )


def main() -> None:
    """Wait for the parent's end, then end its processes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end(sys.argv[1])


if __name__ == "__main__":
    main()
