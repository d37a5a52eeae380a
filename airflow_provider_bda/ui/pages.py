"""Pictures of pages, drawn in a process of their own: what a stranger's file does to it ends with that process.

The api-server never parses a document. The child has a limit of memory and of CPU seconds, and the parent one of
time; the picture it answers is bounded too.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import threading
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
    try:
        # Its own file and no package: the child imports neither Airflow nor this package.
        done = subprocess.run(
            [sys.executable, "-I", str(_SCRIPT), kind, str(page), str(WIDTH)],
            input=body,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired:
        raise NoPicture(f"the page took longer than {TIMEOUT:.0f} s to draw") from None
    finally:
        _TURN.release()
    if done.returncode != 0:
        raise NoPicture(_why(done.stderr))
    return done.stdout, len(done.stdout)


def _why(said: bytes) -> str:
    try:
        return str(json.loads(said.splitlines()[-1])["why"])
    except (ValueError, IndexError, KeyError, TypeError):
        return "the page cannot be drawn: the file broke the program that draws it"
