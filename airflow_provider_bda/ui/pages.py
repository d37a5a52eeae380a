"""Pictures of pages, drawn in a process of their own: what a stranger's file does to it ends with that process.

The api-server never parses a document. The child has a limit of memory and of CPU seconds, and the parent one of
time; the picture it answers is bounded too. Each child draws one page; the next one is started before it is needed, for
its imports take longer than most pages.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from airflow_provider_bda.ui.kept import Kept

#: Pixels across; enough to read small print on a page.
WIDTH = 1100
#: Seconds for one page.
TIMEOUT = 15.0
#: Children at once: pages are drawn for one person at a time in most offices.
_TURN = threading.BoundedSemaphore(2)
_PICTURES = Kept(48 * 1024 * 1024)
#: A child that has imported what it needs, and waits; it ends with this process, whose end closes its input.
_READY: deque[subprocess.Popen[bytes]] = deque()
_STARTING = threading.Lock()
_SCRIPT = Path(__file__).with_name("draw_page.py")
DRAWN = frozenset({"pdf", "png", "jpg", "jpeg", "tif", "tiff"})


class NoPicture(Exception):
    """There is no picture of the page; the message says why."""


def available() -> bool:
    """Answer whether the extra ``viewer`` is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("pypdfium2", "PIL"))


def ending(uri: str) -> str:
    """Answer a file's ending in lower case."""
    return uri.rsplit("/", 1)[-1].rpartition(".")[2].lower()


def draw(key: Any, body: bytes, kind: str, page: int) -> bytes:
    """Draw a page as PNG.

    :param key: names the file and its content, so that the picture can be kept.
    :param body: the file.
    :param kind: its ending.
    :param page: from 1.
    :raises NoPicture: it cannot be drawn.
    """
    picture: bytes = _PICTURES.get((key, page), lambda: _draw(body, kind, page), 600.0)
    return picture


def _draw(body: bytes, kind: str, page: int) -> tuple[bytes, int]:
    if not available():
        raise NoPicture(
            "pages are drawn where the extra is installed: pip install 'airflow-provider-bda[viewer]'"
        )
    if not _TURN.acquire(timeout=TIMEOUT):
        raise NoPicture("the server is drawing other pages; try again")
    child = _take()
    try:
        asked = json.dumps({"kind": kind, "page": page, "width": WIDTH}).encode()
        drawn, said = child.communicate(asked + b"\n" + body, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise NoPicture(f"the page took longer than {TIMEOUT:.0f} s to draw") from None
    finally:
        _end(child)
        _TURN.release()
        expect()
    if child.returncode != 0:
        raise NoPicture(_why(said))
    return drawn, len(drawn)


def expect() -> None:
    """Have a child ready for the next page, in a moment: somebody looks at a document."""
    if not available():
        return
    with _STARTING:
        _READY.append(_waiting() or _start())


def _take() -> subprocess.Popen[bytes]:
    """Answer a child that still lives."""
    with _STARTING:
        return _waiting() or _start()


def _waiting() -> subprocess.Popen[bytes] | None:
    """Take the child that waits out of its place, if it still lives."""
    while _READY:
        child = _READY.popleft()
        if child.poll() is None:
            return child
        _end(child)
    return None


def _start() -> subprocess.Popen[bytes]:
    # Its own file and no package: the child imports neither Airflow nor this package.
    return subprocess.Popen(
        [sys.executable, "-I", str(_SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
    )


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child, whatever it does, and leave nothing of it open."""
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with suppress(OSError):  # what it did not take any more
                pipe.close()


def forget() -> None:
    """Forget every picture, and end the child that waits, for tests."""
    _PICTURES.clear()
    with _STARTING:
        while _READY:
            _end(_READY.popleft())


def _why(said: bytes) -> str:
    try:
        return str(json.loads(said.splitlines()[-1])["why"])
    except (ValueError, IndexError, KeyError, TypeError):
        return "the page cannot be drawn: the file broke the program that draws it"
