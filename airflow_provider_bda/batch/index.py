"""What was processed already, kept over runs: asked before a document is bought, told when it was.

```
{state_s3_uri}/
  index.json        the format, and the number of shards: fixed when it is made
  shards/00ff       the processed keys of one shard: sorted, 16 bytes each
  deltas/{hash}     the keys of one commit, until compaction brings them into the shards
  leases/00ff.json  who is about to buy what
  owners/{id}.json  until when an owner's leases live
```

The order of reading is what keeps two runs apart, so it stands here once. A claim first notes the versions of the
leases, then reads what was committed, and writes its own leases only over the versions noted. Whoever commits does so
before its lease goes. So a claim that did not see a commit saw its lease, or finds it changed and starts over.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.batch import _index_committed as committed
from airflow_provider_bda.batch._index_digests import WIDTH, shard_of
from airflow_provider_bda.batch._index_leases import Holder, ShardLeases
from airflow_provider_bda.batch._index_owners import Deaths, Owners
from airflow_provider_bda.batch._index_store import IndexStore, Stored
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.jobs.token import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from airflow_provider_bda.batch._index_store import Listed

#: Shards of a new index: 10,000,000 documents are 256 objects of 625 kB.
SHARDS = 256
MOST_SHARDS = 1024
#: S3 calls at once: a claim of 10,000 documents makes some 800.
PARALLEL = 8
FORMAT = "airflow-provider-bda processed index"
VERSION = 1

#: Members of a request that change nothing in what is extracted.
_NOT_IN_KEY = frozenset({"clientToken", "notificationConfiguration", "outputConfiguration", "tags"})
_OWNER = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Verdict(StrEnum):
    """What a claim answers for a document."""

    #: Nobody has bought it; it is now leased to the one who asked.
    NEW = "new"
    #: It was bought.
    PROCESSED = "processed"
    #: Another is about to buy it.
    LEASED = "leased"


def index_key(input_s3_uri: str, etag: str | None, request: Mapping[str, Any]) -> bytes:
    """Answer what a document is known by: 16 bytes, the same wherever and whenever it is asked for again.

    :param etag: the file's version, with or without quotes; without any, a changed file looks like the old one.
    :param request: all that decides what is extracted: project ARN, stage, blueprint ARNs and versions. Output,
        notification, tags and token are passed over.
    """
    decisive = {name: value for name, value in request.items() if name not in _NOT_IN_KEY}
    text = json.dumps([input_s3_uri, (etag or "").strip('"'), fingerprint(decisive)])
    return hashlib.sha256(text.encode()).digest()[:WIDTH]


class ProcessedIndex:
    """The index at one prefix. Any number of batches on any number of machines may use it at once.

    An owner is a batch, and does one thing at a time: its retry claims again and goes on. What it calls for may be called again after any crash.
    Times are the callers' clocks, so a lease should live much longer than clocks differ.

    :param s3: a boto3 S3 client with s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject at the prefix. Of
        whatever passes by itself it makes ``retries`` of its own.
    :param state_s3_uri: the prefix.
    :param parallel: S3 calls at once.
    :raises BdaInputError: the prefix is none. Each method raises it where no retry helps: no such bucket, a missing
        permission; and BdaError where one does.
    """

    def __init__(self, s3: Any, state_s3_uri: str, *, parallel: int = PARALLEL) -> None:
        self._store = IndexStore(s3, state_s3_uri, parallel)
        self._owners = Owners(self._store)

    @classmethod
    def open(
        cls,
        s3: Any,
        state_s3_uri: str,
        *,
        create: bool,
        shards: int = SHARDS,
        parallel: int = PARALLEL,
    ) -> ProcessedIndex:
        """Find the index, or make it.

        :param create: make it if there is none.
        :param shards: of a new one: a power of two.
        :raises BdaInputError: there is none, or what is there is something else.
        """
        index = cls(s3, state_s3_uri, parallel=parallel)
        if create and index._store.get("index.json") is None:
            index._make(shards)
        _ = index.shards
        return index

    @classmethod
    def is_there(cls, s3: Any, state_s3_uri: str) -> bool:
        """Tell whether there is an index, or something in its place, and write nothing."""
        index = cls(s3, state_s3_uri)
        return index._store.get("index.json") is not None

    @cached_property
    def shards(self) -> int:
        """The number of shards.

        :raises BdaInputError: there is no index, or something else.
        """
        uri = self._store.uri
        stored = self._store.get("index.json")
        if stored is None:
            raise BdaInputError(
                f"There is no index of processed documents at {uri}. If this is its first run, give create_index=True;"
                " else mend state_s3_uri, for with an empty index every document would be bought again."
            )
        try:
            value = json.loads(stored.body)
            name, version, shards = value["format"], value["version"], value["shards"]
        except (ValueError, KeyError, TypeError):
            name, version, shards = None, None, 0
        if name != FORMAT or not isinstance(shards, int):
            raise BdaInputError(
                f"{uri}/index.json is not ours. Give state_s3_uri a prefix that holds nothing else."
            )
        if version != VERSION:
            raise BdaInputError(
                f"The index at {uri} has format version {version}; this release reads {VERSION}. Install the release"
                " that wrote it, or start anew at another state_s3_uri."
            )
        return shards

    def claim(self, keys: Sequence[bytes], *, owner: str, until: float, now: float) -> list[Verdict]:
        """Lease what is new to an owner, and answer what becomes of each key.

        Claim many at a time, and with one object: the first claim costs up to three S3 calls per shard, whether for
        250 documents or for 25,000, a later one a call per shard where something is new. For that the shards are kept
        in a temporary folder as long as this object lives: 160 MB of disk for 10,000,000 documents.
        What the owner itself has leased is NEW again; what it has committed is PROCESSED.

        :param keys: of :func:`index_key`.
        :param owner: the batch's id.
        :param until: epoch seconds until which all leases of this owner live, these and earlier ones.
        :param now: epoch seconds.
        :return: a verdict per key, in their order.
        :raises ValueError: a key is no key, the owner is no name, or the lease would be over at once.
        """
        _check_owner(owner)
        if until <= now:
            raise ValueError(f"a lease until {until} is over at {now} already")
        left = self._by_shard(keys)
        if not left:
            return []
        token = self._owners.renew(owner, until)
        if committed.crowded(self._store):
            self.compact()
        reading = committed.Reading(self._store, self.shards)
        claim = _Claim(self._store, Holder(owner, token), Deaths(self._owners, now), reading)
        verdicts: dict[bytes, Verdict] = {}
        overtaken = 0
        while True:
            leases = self._store.find("leases/")
            reading.refresh()
            for answer in self._store.each(partial(claim.shard, left, leases), sorted(left)):
                verdicts.update(answer)
            left = {shard: wanted for shard, wanted in left.items() if not wanted <= verdicts.keys()}
            if not left:
                return [verdicts[key] for key in keys]
            overtaken += 1
            self._store.let_pass(overtaken)

    def look(self, keys: Sequence[bytes], *, now: float) -> list[Verdict]:
        """Answer what a claim would, for an owner of no leases, and lease nothing: by the time of a claim it may differ.

        :param now: epoch seconds.
        :return: a verdict per key, in their order.
        """
        wanted = self._by_shard(keys)
        reading = committed.Reading(self._store, self.shards)
        over = cache(partial(self._owners.is_over, now=now))
        leases = self._store.find("leases/")
        reading.refresh()

        def shard_verdicts(shard: int) -> dict[bytes, Verdict]:
            name, processed = _leases_of(shard), reading.shard(shard)
            stored = self._store.read(name, leases[name]) if name in leases else None
            holders = ShardLeases.from_bytes(stored.body).holders if stored is not None else {}
            return {
                key: Verdict.PROCESSED
                if key in processed
                else Verdict.LEASED
                if key in holders and not over(holders[key])
                else Verdict.NEW
                for key in wanted[shard]
            }

        verdicts: dict[bytes, Verdict] = {}
        for answer in self._store.each(shard_verdicts, sorted(wanted)):
            verdicts.update(answer)
        return [verdicts[key] for key in keys]

    def extend(self, *, owner: str, until: float) -> bool:
        """Let all leases of an owner live until then at least: two S3 calls, however many they are.

        :return: False if another owner took some of them over after they had expired, or if there are none. Then claim
            again before anything more is submitted.
        """
        _check_owner(owner)
        return self._owners.extend(owner, until)

    def commit(self, keys: Iterable[bytes], *, owner: str) -> None:
        """Write down that documents were processed: one S3 call, and again it changes nothing.

        It counts whatever became of the lease: the job was bought. The owner is noted on the object, for people.
        """
        _check_owner(owner)
        known = {key for wanted in self._by_shard(keys).values() for key in wanted}
        if known:
            committed.commit(self._store, known, owner)

    def release(self, keys: Iterable[bytes], *, owner: str) -> None:
        """Give leases back, so that others need not wait for their end. Those of others stay.

        :param keys: what the owner will not buy after all; what was committed needs no release.
        """
        _check_owner(owner)
        by_shard = self._by_shard(keys)
        self._store.each(lambda shard: self._release(shard, by_shard[shard], owner), sorted(by_shard))

    def abandon(self, *, owner: str, unless: Callable[[], bool]) -> None:
        """Give all leases of an owner back that has submitted nothing: two S3 calls, however many they are.

        :param unless: whether another worker goes on in the owner's name by now; whoever does calls :meth:`extend`
            before anything is submitted, with a later time than it claimed for.
        """
        _check_owner(owner)
        self._owners.abandon(owner, unless)

    def compact(self, *, fully: bool = False) -> None:
        """Make reading cheap again after many commits. Safe at any time, beside anything, and to be killed.

        :param fully: bring all into the shards, even where that costs more than it saves.
        """
        committed.compact(self._store, self.shards, fully=fully)

    def _make(self, shards: int) -> None:
        if shards not in {2**power for power in range(MOST_SHARDS.bit_length())}:
            raise ValueError(f"shards must be a power of two, at most {MOST_SHARDS}; it is {shards}")
        found = sorted(self._store.find("", most=1))
        if found and self._store.get("index.json") is None:
            raise BdaInputError(
                f"No index is made at {self._store.uri}, for other things lie there, as {found[0]}. Give state_s3_uri"
                " a prefix that holds nothing else."
            )
        body = json.dumps({"format": FORMAT, "version": VERSION, "shards": shards}).encode()
        self._store.put("index.json", body, over=None)  # if another was faster, it is read next

    def _release(self, shard: int, keys: set[bytes], owner: str) -> None:
        def released(body: bytes | None) -> bytes | None:
            if body is None:
                return None
            leases = ShardLeases.from_bytes(body)
            mine = {key for key in keys & leases.holders.keys() if leases.holders[key].owner == owner}
            for key in mine:
                del leases.holders[key]
            return leases.to_bytes() if mine else body

        self._store.replace(_leases_of(shard), released)

    def _by_shard(self, keys: Iterable[bytes]) -> dict[int, set[bytes]]:
        by_shard: dict[int, set[bytes]] = {}
        for key in keys:
            if len(key) != WIDTH:
                raise ValueError(f"a key has {WIDTH} bytes, this one {len(key)}")
            by_shard.setdefault(shard_of(key, self.shards), set()).add(key)
        return by_shard


@dataclass(frozen=True, slots=True)
class _Claim:
    """One claim of one owner.

    :param holder: what its leases name.
    :param deaths: of other holders.
    :param reading: what was committed.
    """

    store: IndexStore
    holder: Holder
    deaths: Deaths
    reading: committed.Reading

    def shard(
        self, wanted: Mapping[int, set[bytes]], noted: Mapping[str, Listed], shard: int
    ) -> dict[bytes, Verdict]:
        """Claim the wanted keys of one shard; answer nothing if others changed its leases since they were noted."""
        name = _leases_of(shard)
        leases, version = ShardLeases(), None
        if name in noted:
            stored = self.store.read(name, noted[name])
            if stored is None or stored.etag != noted[name].etag:
                return {}
            leases, version = ShardLeases.from_bytes(stored.body), stored.etag
        processed = self.reading.shard(shard)
        verdicts = {key: self._verdict(key, processed, leases) for key in wanted[shard]}
        new = {key for key, verdict in verdicts.items() if verdict is Verdict.NEW}
        if all(leases.holders.get(key) == self.holder for key in new):
            return verdicts
        for key in [key for key in leases.holders if key in processed]:
            del leases.holders[key]
        leases.holders.update(dict.fromkeys(new, self.holder))
        body = leases.to_bytes()
        written = self.store.put(name, body, over=version)
        if written is None:
            return {}
        self.store.keep(name, Stored(body, written))
        return verdicts

    def _verdict(self, key: bytes, processed: committed.ShardKeys, leases: ShardLeases) -> Verdict:
        if key in processed:
            return Verdict.PROCESSED
        holder = leases.holders.get(key)
        if holder is None or holder.owner == self.holder.owner or self.deaths.dead(holder):
            return Verdict.NEW
        return Verdict.LEASED


def _leases_of(shard: int) -> str:
    return f"leases/{shard:04x}.json"


def _check_owner(owner: str) -> None:
    if not _OWNER.fullmatch(owner):
        raise ValueError(f"an owner is 1 to 128 letters, digits, dots, dashes and underscores, not {owner!r}")
