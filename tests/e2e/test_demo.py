"""The main job: the demo as a user starts it, with its exit code, its table, and nothing left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
#: Inherited by every process of a demo, so that none hides.
MARK = "BDA_E2E_DEMO"

pytestmark = [pytest.mark.timeout(600)]


class Demo:
    """A demo that runs, and what it has printed so far."""

    def __init__(self, *arguments: str) -> None:
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, MARK: self.mark},
        )
        self.printed = ""

    def read_until(self, pattern: str) -> None:
        """Read its output up to a line that has ``pattern``."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
            if re.search(pattern, line):
                return
        pytest.fail(f"the demo ended without {pattern!r}:\n{self.printed}")

    def end(self) -> int:
        """Read the rest of its output and wait for its end."""
        assert self.process.stdout is not None
        self.printed += self.process.stdout.read()
        return self.process.wait(timeout=30)

    def left(self) -> list[psutil.Process]:
        """Find processes of this demo that live; they get some seconds to go."""
        alive = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == self.mark:
                    alive.append(process)
        return psutil.wait_procs(alive, timeout=20)[1]


@pytest.fixture
def start_demo(tmp_path: Path) -> Iterator[type[Demo]]:
    """Start demos whose files go to ``tmp_path``; none outlives the test."""
    started: list[Demo] = []

    def start(*arguments: str) -> Demo:
        started.append(Demo("--out", str(tmp_path / "out"), *arguments))
        return started[-1]

    yield start  # type: ignore[misc]
    for demo in started:
        for process in [*demo.left(), demo.process]:
            with suppress(psutil.Error, ProcessLookupError):
                process.kill()
        demo.process.wait()
        assert demo.process.stdout is not None
        demo.process.stdout.close()


@pytest.mark.e2e
def test_every_document_succeeds_and_is_shown(start_demo, tmp_path: Path):
    demo = start_demo()

    assert demo.end() == 0, demo.printed
    assert demo.left() == []
    documents = sorted(path.name for path in (tmp_path / "out" / "documents").iterdir())
    assert len(documents) >= 5
    assert f"{len(documents)} of {len(documents)} documents succeeded." in demo.printed
    assert "deferred while BDA works" in demo.printed
    for name in documents:
        (row,) = re.findall(rf"│ {re.escape(name)} +│ (\w+) +│ +([\d.]+) │ +(\d+) │ (\S+)", demo.printed)
        status, seconds, pages, blueprint = row
        assert (status, blueprint != "│") == ("success", True)
        assert (float(seconds) > 0, int(pages) > 0) == (True, True)
    assert len(list((tmp_path / "out" / "output").rglob("job_metadata.json"))) == len(documents)
    assert list((tmp_path / "out" / "output").rglob("custom_output/0/result.json")) != []


@pytest.mark.e2e
def test_a_refused_document_fails_the_demo_in_the_services_words_and_keep_leaves_airflow_up(
    start_demo, tmp_path: Path
):
    import httpx

    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "broken.pdf").write_bytes(b"%PDF-1.7\nthis is no PDF")
    (docs / "letter.txt").write_text("Dear reader, this one is fine.")
    (docs / "notes.xyz").write_text("nothing the service takes")
    demo = start_demo("--keep", "--docs", str(docs))

    demo.read_until("stop with Ctrl-C")
    (url,) = re.findall(r"Airflow: (http://\S+)/dags/", demo.printed)
    assert httpx.get(f"{url}/api/v2/version", trust_env=False).status_code == 200
    demo.process.send_signal(signal.SIGINT)

    assert demo.end() == 1, demo.printed
    assert demo.left() == []
    assert "skipping notes.xyz" in demo.printed
    assert "1 of 2 documents succeeded." in demo.printed
    assert re.search(r"│ letter.txt +│ success .*“Dear reader, this one is fine.”", demo.printed)
    assert re.search(r"│ broken.pdf +│ failed ", demo.printed)
    reason = demo.printed[demo.printed.index("broken.pdf failed: ") :]
    assert "(status ClientError; the service says: " in " ".join(reason.split())


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("number", "line", "code"),
    [
        pytest.param(signal.SIGINT, "on a worker", 130, id="Ctrl-C while tasks run"),
        pytest.param(signal.SIGTERM, "Airflow: starting", 143, id="terminated during start"),
        pytest.param(signal.SIGKILL, "Airflow: starting", -9, id="killed during start"),
    ],
)
def test_however_it_is_ended_no_process_is_left(start_demo, number: signal.Signals, line: str, code: int):
    demo = start_demo()
    demo.read_until(line)

    demo.process.send_signal(number)

    assert demo.end() == code, demo.printed
    assert demo.left() == []


def test_a_folder_with_nothing_to_process_is_a_clear_error(start_demo, tmp_path: Path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "notes.xyz").write_text("nothing the service takes")
    demo = start_demo("--docs", str(tmp_path / "docs"))

    assert demo.end() == 1
    assert "skipping notes.xyz" in demo.printed
    assert f"The demo failed: {tmp_path / 'docs'} has no file that can be processed" in demo.printed


def test_a_folder_that_does_not_exist_is_a_clear_error(start_demo, tmp_path: Path):
    demo = start_demo("--docs", str(tmp_path / "nowhere"))

    assert demo.end() == 1
    assert f"The demo failed: {tmp_path / 'nowhere'} is no folder" in demo.printed
