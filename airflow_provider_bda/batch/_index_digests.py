"""Sorted digests in one run of bytes: how the processed index keeps millions of keys small. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Bytes of one key.
WIDTH = 16


def packed(keys: Iterable[bytes]) -> bytes:
    """Sort keys, drop repeats, put them one after the other."""
    return b"".join(sorted(set(keys)))


def unpacked(run: bytes | bytearray) -> Iterator[bytes]:
    """Answer the keys of a run, in its order."""
    for start in range(0, len(run), WIDTH):
        yield bytes(run[start : start + WIDTH])


def contains(run: bytes, key: bytes) -> bool:
    """Say whether a sorted run holds a key."""
    at = _place(run, key, 0)
    return run[at : at + WIDTH] == key


def merged(run: bytes, more: Iterable[bytes]) -> bytes:
    """Answer a sorted run with further keys in it; those it holds already change nothing.

    The old run is copied in slices between the new keys, never taken apart: a shard has tens of thousands of keys and
    gets a few hundred.
    """
    parts: list[bytes] = []
    done = 0
    for key in sorted(set(more)):
        at = _place(run, key, done)
        if run[at : at + WIDTH] != key:
            parts += [run[done:at], key]
            done = at
    return b"".join([*parts, run[done:]])


def shard_of(key: bytes, shards: int) -> int:
    """Answer the shard of a key.

    :param shards: how many there are: a power of two, at most 65,536.
    """
    return int.from_bytes(key[:2]) * shards >> 16


def _place(run: bytes, key: bytes, low: int) -> int:
    """Answer where a key stands in a sorted run or would stand, in bytes."""
    low, high = low // WIDTH, len(run) // WIDTH
    while low < high:
        middle = (low + high) // 2
        if run[middle * WIDTH : (middle + 1) * WIDTH] < key:
            low = middle + 1
        else:
            high = middle
    return low * WIDTH
