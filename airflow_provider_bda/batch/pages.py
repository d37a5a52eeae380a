"""How many pages a PDF or TIFF file has, told from its bytes without a reader: for estimates only.

Pure. What is encrypted, damaged or of another format is unknown: None.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LINEARIZED = re.compile(rb"/Linearized\b[^>]{0,300}?/N\s+(\d+)")
_PAGES = re.compile(rb"/Type\s*/Pages\b")
_COUNT = re.compile(rb"/Count\s+(\d+)")
_OBJECTS = re.compile(rb"/Type\s*/ObjStm\b")
_STREAM = re.compile(rb"stream\r?\n")
_HEAD = 1_024
#: How far a dictionary is looked for around its type: the root of 3,000 pages has some 30 KB of children.
_REACH = 128 * 1024
_INFLATED = 16 * 1024 * 1024


def count_pages(body: bytes) -> int | None:
    """Answer the number of pages.

    :param body: the file, or its beginning and its end.
    """
    if body[:4] in {b"II*\x00", b"MM\x00*"}:
        return _count_tiff(body)
    if b"%PDF-" not in body[:_HEAD]:
        return None
    if found := _LINEARIZED.search(body, 0, _HEAD):
        return int(found[1])
    # A file that was changed has its root twice; the last one counts.
    return max(_roots(body), default=(0, None))[1]


def _roots(body: bytes) -> Iterator[tuple[int, int]]:
    """Answer the page counts of all roots of page trees, with where they stand."""
    yield from _roots_in(body)
    for found in _OBJECTS.finditer(body):
        start = _STREAM.search(body, found.end(), found.end() + _HEAD)
        if start is None:
            continue
        try:
            text = zlib.decompressobj().decompress(body[start.end() :], _INFLATED)
        except zlib.error:  # encrypted, or packed in another way
            continue
        for _, count in _roots_in(text):
            yield found.start(), count


def _roots_in(text: bytes) -> Iterator[tuple[int, int]]:
    for found in _PAGES.finditer(text):
        dictionary = _around(text, found.start())
        count = _COUNT.search(dictionary)
        if count and b"/Parent" not in dictionary:
            yield found.start(), int(count[1])


def _around(text: bytes, at: int) -> bytes:
    """Answer the innermost dictionary around a place, without those within it."""
    first, last = max(0, at - _REACH), min(len(text), at + _REACH)
    before, depth = at, 0
    while depth >= 0:
        opening, closing = text.rfind(b"<<", first, before), text.rfind(b">>", first, before)
        if opening < 0:
            return b""
        depth += 1 if closing > opening else -1
        before = max(opening, closing)
    after, depth = at, 0
    while depth >= 0:
        opening, closing = text.find(b"<<", after, last), text.find(b">>", after, last)
        if closing < 0:
            return b""
        depth += 1 if 0 <= opening < closing else -1
        after = (opening if 0 <= opening < closing else closing) + 2
    return text[before:after]


def _count_tiff(body: bytes) -> int | None:
    order = "<" if body[:2] == b"II" else ">"
    seen: set[int] = set()
    try:
        (at,) = struct.unpack_from(f"{order}I", body, 4)
        while at and at not in seen:
            seen.add(at)
            (entries,) = struct.unpack_from(f"{order}H", body, at)
            (at,) = struct.unpack_from(f"{order}I", body, at + 2 + 12 * entries)
    except struct.error:  # it goes on where we have not read
        return None
    return len(seen) or None
