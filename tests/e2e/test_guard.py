"""The guard: whatever happens to a parent, the processes it marked end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import uuid
from pathlib import Path

import psutil
import pytest

from demo import guard

ROOT = Path(__file__).parents[2]

#: A parent with a guard and a child that leaves its session, ignores SIGTERM and has a child of its own.
PARENT = textwrap.dedent(
    """
    import os, subprocess, sys, time
    from demo import guard
    stubborn = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "subprocess.Popen([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(600)']);"
        "time.sleep(600)"
    )
    guard.start(sys.argv[1])
    environment = {**os.environ, guard.MARK: sys.argv[1]}
    subprocess.Popen([sys.executable, "-c", stubborn], env=environment, start_new_session=True)
    time.sleep(600)
    """
)


@pytest.fixture
def mark():
    made = uuid.uuid4().hex
    yield made
    guard.end(made, grace=0.1)


def test_a_killed_parent_leaves_no_process(mark: str):
    with subprocess.Popen([sys.executable, "-c", PARENT, mark], cwd=ROOT, stdout=subprocess.PIPE) as parent:
        try:
            assert parent.stdout is not None
            # The youngest says so: while a process begins another program, nobody can read its environment.
            assert parent.stdout.readline() == b"1\n"
            victims = guard.marked(mark)
            watchers = [child for child in psutil.Process(parent.pid).children() if child not in victims]
            assert (len(victims), len(watchers)) == (2, 1)
        finally:
            os.kill(parent.pid, signal.SIGKILL)
        gone, alive = psutil.wait_procs([*victims, *watchers], timeout=20)
    assert alive == []
    assert len(gone) == 3
    assert guard.marked(mark) == []


def test_only_what_carries_the_mark_is_ended(mark: str):
    code = "import time; print('up', flush=True); time.sleep(600)"
    command = [sys.executable, "-c", code]
    other = {**os.environ, guard.MARK: f"{mark}-other"}
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, guard.MARK: mark}) as ours,
        subprocess.Popen(command, stdout=subprocess.PIPE, env=other) as theirs,
    ):
        assert ours.stdout is not None
        assert theirs.stdout is not None
        assert (ours.stdout.readline(), theirs.stdout.readline()) == (b"up\n", b"up\n")

        try:
            assert guard.end(mark) == []
            assert ours.poll() is not None
            assert theirs.poll() is None
        finally:
            theirs.kill()
            ours.kill()
