"""The keys that were processed: small deltas, one a commit, and sorted shards they are compacted into.

An entry can never get lost, whoever dies wherever:

- A delta is named by a hash of what is in it and holds keys of all shards. A commit is one write.
- A delta is deleted only after all it holds stands in a larger delta, or in every shard concerned.
- A shard is only ever replaced by more, under If-Match.

Who wants to know what was processed reads the deltas first and the shards thereafter; a delta that goes in between has
gone into one that a new listing shows, or into the shards.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_bda.batch._index_digests import WIDTH, contains, merged, packed, shard_of, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_bda.batch._index_store import IndexStore, Listed

#: Deltas are brought into the shards once they hold this many keys per shard; fewer are made one delta.
KEYS_PER_SHARD = 256
#: A claim compacts before it reads more deltas than this.
MANY = 100
#: Bytes of deltas held in memory at a time: a million keys.
PORTION = 16_000_000


class Pending:
    """The keys of deltas, by shard.

    :param shards: how many there are.
    """

    def __init__(self, shards: int) -> None:
        self._runs = [bytearray() for _ in range(shards)]
        self.names: set[str] = set()

    def add(self, name: str, body: bytes) -> None:
        """Take a delta in."""
        shards = len(self._runs)
        for key in unpacked(body):
            self._runs[shard_of(key, shards)] += key
        self.names.add(name)

    def shards(self) -> list[int]:
        """Answer the shards that have keys here."""
        return [number for number, run in enumerate(self._runs) if run]

    def of(self, shard: int) -> set[bytes]:
        """Answer the keys of a shard."""
        return set(unpacked(self._runs[shard]))

    def all(self) -> Iterable[bytes]:
        """Answer every key."""
        for run in self._runs:
            yield from unpacked(run)


class ShardKeys:
    """The processed keys of one shard.

    :param run: those in the shard's object.
    :param pending: those in deltas.
    """

    def __init__(self, run: bytes, pending: set[bytes]) -> None:
        self._run = run
        self._pending = pending

    def __contains__(self, key: bytes) -> bool:
        return key in self._pending or contains(self._run, key)


class Reading:
    """What one claim has read of the processed keys. What was once processed stays so: it only ever grows.

    :param shards: how many there are.
    """

    def __init__(self, store: IndexStore, shards: int) -> None:
        self._store = store
        self._pending = Pending(shards)
        self._written: dict[str, Listed] = {}

    def refresh(self) -> None:
        """Read all that was committed before this call."""
        overtaken = 0
        while True:
            unread = sorted(self._store.find("deltas/").keys() - self._pending.names)
            if _read(self._store, self._pending, unread):
                break
            overtaken += 1
            self._store.let_pass(overtaken)
        self._written = self._store.find("shards/")

    def shard(self, shard: int) -> ShardKeys:
        """Read a shard."""
        listed = self._written.get(_shard(shard))
        stored = self._store.read(_shard(shard), listed) if listed else None
        return ShardKeys(stored.body if stored else b"", self._pending.of(shard))


def commit(store: IndexStore, keys: Iterable[bytes], owner: str) -> str:
    """Write a delta and answer its name. Committing the same keys again writes the same object again."""
    body = packed(keys)
    name = f"deltas/{hashlib.sha256(body).hexdigest()[:32]}"
    store.put_anyway(name, body, owner=owner)
    return name


def crowded(store: IndexStore) -> bool:
    """Say whether a claim would have to read too many deltas, or too large ones."""
    deltas = store.find("deltas/")
    return len(deltas) > MANY or sum(delta.size for delta in deltas.values()) > PORTION


def compact(store: IndexStore, shards: int, *, fully: bool) -> None:
    """Make few deltas of many, or bring them into the shards where that pays.

    :param fully: bring them into the shards in any case.
    """
    deltas = store.find("deltas/")
    while deltas:
        portion = _portion(deltas)
        pending = Pending(shards)
        _read(store, pending, portion)
        size = sum(deltas.pop(name).size for name in portion)
        if fully or deltas or size >= KEYS_PER_SHARD * shards * WIDTH:
            store.each(partial(_merge, store, pending), pending.shards())
            store.delete(sorted(pending.names))
        elif len(pending.names) > 1:
            kept = commit(store, pending.all(), "compaction")
            store.delete(sorted(pending.names - {kept}))


def _portion(deltas: dict[str, Listed]) -> list[str]:
    """Answer as many deltas as may be in memory at a time, but one at least."""
    portion: list[str] = []
    size = 0
    for name in sorted(deltas):
        size += deltas[name].size
        if portion and size > PORTION:
            break
        portion.append(name)
    return portion


def _read(store: IndexStore, pending: Pending, names: list[str]) -> bool:
    """Take deltas in; answer whether all of them were there."""
    found = store.each(store.get, names)
    for name, stored in zip(names, found, strict=True):
        if stored is not None:
            pending.add(name, stored.body)
    return None not in found


def _merge(store: IndexStore, pending: Pending, shard: int) -> None:
    keys = pending.of(shard)
    store.replace(_shard(shard), lambda before: merged(before or b"", keys))


def _shard(number: int) -> str:
    return f"shards/{number:04x}"
