"""Draws one page of the file on standard input as PNG on standard output: a script, run in a process of its own.

On standard input stands a line of JSON (``kind``, ``page``, ``width``) and then the file. It trusts nothing of the file and
imports nothing of this package. What it may need it imports before it is asked, while nobody waits.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from typing import Any, NoReturn

import pypdfium2
from PIL import Image

MEMORY = 1536 * 1024 * 1024
CPU_SECONDS = 12
#: Pixels of a picture that is opened, and of the one that is answered.
MAX_PIXELS = 120_000_000
MAX_HEIGHT = 4000


def _fail(why: str) -> NoReturn:
    sys.stderr.write(json.dumps({"why": why}) + "\n")
    sys.exit(3)


def _pdf(body: bytes, page: int, width: int) -> Any:
    document = pypdfium2.PdfDocument(body)
    if not 1 <= page <= len(document):
        _fail(f"the file has {len(document)} pages")
    sheet = document[page - 1]
    across, down = sheet.get_size()
    scale = min(width / across, MAX_HEIGHT / down)
    return sheet.render(scale=scale).to_pil()


def _picture(body: bytes, page: int, width: int) -> Any:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    picture = Image.open(io.BytesIO(body), formats=("PNG", "JPEG", "TIFF"))
    if picture.width * picture.height > MAX_PIXELS:
        _fail(f"the picture has more than {MAX_PIXELS:,} pixels")
    try:
        picture.seek(page - 1)
    except EOFError:
        _fail("the file has no such page")
    picture.draft("RGB", (width, MAX_HEIGHT))
    if picture.width > width or picture.height > MAX_HEIGHT:
        picture.thumbnail((width, MAX_HEIGHT))
    return picture.convert("RGB")


def main() -> None:
    """Draw."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    line = sys.stdin.buffer.readline()
    if not line:  # nobody asked: whoever would have is gone
        return
    asked = json.loads(line)
    kind, page, width = asked["kind"], asked["page"], asked["width"]
    body = sys.stdin.buffer.read()
    try:
        picture = (_pdf if kind == "pdf" else _picture)(body, page, width)
    except MemoryError:
        _fail("the page needs too much memory to be drawn")
    except Exception as error:  # noqa: BLE001 - whatever a reader raises is the file's doing
        _fail(f"the page cannot be drawn: {type(error).__name__}")
    out = io.BytesIO()
    # It is looked at once and not kept: twice as quick for a twentieth more bytes.
    picture.save(out, "PNG", compress_level=1)
    sys.stdout.buffer.write(out.getvalue())


if __name__ == "__main__":
    main()
