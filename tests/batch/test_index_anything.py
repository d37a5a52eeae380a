"""The index as a state machine: owners that claim, commit, release, extend and crash in one another's midst.

What is promised is held against a model that knows nothing of shards, deltas or tokens.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from airflow_provider_bda.batch import _index_committed, _index_store
from airflow_provider_bda.batch.index import ProcessedIndex, Verdict
from tests.batch.s3_client import Crash, FakeS3, Interrupted, crash

KEYS = [hashlib.sha256(bytes([number])).digest()[:16] for number in range(5)]
OWNERS = ["a", "b", "c"]

keys = st.lists(st.sampled_from(KEYS), min_size=1, max_size=5, unique=True)
owners = st.sampled_from(OWNERS)
seconds = st.sampled_from([1, 10, 100])
acts = st.one_of(
    st.tuples(st.just("claim"), owners, keys, seconds),
    st.tuples(st.just("commit"), owners, keys),
    st.tuples(st.just("commit and release"), owners, keys),
    st.tuples(st.just("release"), owners, keys),
    st.tuples(st.just("extend"), owners, seconds),
    st.tuples(st.just("compact"), st.booleans()),
    st.tuples(st.just("pass"), seconds),
)
#: At which call of an act something happens, before or after it, and what: a crash or another's act.
disturbances = st.none() | st.tuples(
    st.integers(1, 16), st.sampled_from(["before", "after"]), st.just("crash") | acts
)


class AnyIndex(RuleBasedStateMachine):
    """Acts on one index and what may be known of it."""

    s3 = None
    examples = 0

    def __init__(self):
        super().__init__()
        self.client = FakeS3() if self.s3 is None else self.s3
        AnyIndex.examples += 1
        self.uri = f"s3://documents/state/{AnyIndex.examples}"
        ProcessedIndex.open(self.client, self.uri, create=True, shards=2, parallel=1)
        self.now = 1000.0
        #: By owner: until when its leases live, and the keys that it was given and did not give back.
        self.until = dict.fromkeys(OWNERS, 0.0)
        self.held = {owner: set() for owner in OWNERS}
        #: Those who lost a key to another and were not told yet.
        self.robbed = set()
        #: Commits that came to their end; those that may have; those by one who held the key.
        self.committed, self.perhaps, self.sealed = set(), set(), set()

    def index(self, disturbance=None):
        client = self.client
        if disturbance is not None:
            number, moment, what = disturbance
            action = crash if what == "crash" else lambda: self.act(what)
            client = Interrupted(client, **{moment: {number: action}})
        return ProcessedIndex(client, self.uri, parallel=1)

    def lives(self, owner):
        return self.until[owner] > self.now

    @rule(act=acts, disturbance=disturbances)
    def happens(self, act, disturbance):
        if disturbance is not None and act[1] in OWNERS and disturbance[2][1] == act[1]:
            disturbance = None  # an owner does one thing at a time
        with suppress(Crash):
            self.act(act, disturbance)

    def act(self, act, disturbance=None):
        name, *arguments = act
        getattr(self, name.replace(" ", "_") + "_")(*arguments, index=self.index(disturbance))

    def claim_(self, owner, keys, ttl, *, index):
        committed, now, until = set(self.committed), self.now, self.now + ttl
        verdicts = index.claim(keys, owner=owner, until=until, now=now)
        self.until[owner] = max(self.until[owner], until)
        self.robbed.discard(owner)
        for key, verdict in zip(keys, verdicts, strict=True):
            if key in committed:
                assert verdict is Verdict.PROCESSED, "a commit was lost"
            if verdict is Verdict.PROCESSED:
                assert key in self.perhaps, "nobody committed it"
            if verdict is Verdict.NEW and self.lives(owner):
                assert key not in self.sealed, "bought again"
                self.take(key, owner)
            if verdict is not Verdict.NEW:
                self.held[owner].discard(key)

    def take(self, key, owner):
        for other in OWNERS:
            if other != owner and key in self.held[other]:
                assert not self.lives(other), "two have it"
                self.held[other].clear()
                self.robbed.add(other)
        self.held[owner].add(key)

    def commit_(self, owner, keys, *, index):
        self.perhaps.update(keys)
        index.commit(keys, owner=owner)
        self.committed.update(keys)
        if self.lives(owner):
            self.sealed.update(self.held[owner].intersection(keys))

    def commit_and_release_(self, owner, keys, *, index):
        self.commit_(owner, keys, index=index)
        self.release_(owner, keys, index=index)

    def release_(self, owner, keys, *, index):
        self.held[owner].difference_update(keys)
        index.release(keys, owner=owner)

    def extend_(self, owner, ttl, *, index):
        was_robbed, until = owner in self.robbed, self.now + ttl
        if not index.extend(owner=owner, until=until):
            self.held[owner].clear()
            return
        assert not was_robbed, "not told that others took over"
        self.until[owner] = max(self.until[owner], until)
        for other in OWNERS:
            if other != owner and self.lives(other) and self.lives(owner):
                assert not self.held[owner] & self.held[other], "two have it"

    def compact_(self, fully, *, index):
        index.compact(fully=fully)

    def pass_(self, time, *, index):
        self.now += time

    @invariant()
    def no_two_hold_a_key(self):
        held = [key for owner in OWNERS if self.lives(owner) for key in self.held[owner]]
        assert len(held) == len(set(held))

    def teardown(self):
        """Once every lease is over, what was committed is known and all else can be bought: nothing is stuck."""
        for fully in (False, True):
            self.now += 1000
            verdicts = self.index().claim(KEYS, owner=f"last-{fully}", until=self.now + 1, now=self.now)
            for key, verdict in zip(KEYS, verdicts, strict=True):
                assert verdict is not Verdict.LEASED
                assert verdict is Verdict.PROCESSED or key not in self.committed
                assert verdict is Verdict.NEW or key in self.perhaps
            self.index().compact(fully=fully)


@pytest.fixture(autouse=True)
def small_figures(monkeypatch):
    """Let compaction take every way with a handful of keys, and nobody wait for others that stand still."""
    monkeypatch.setattr(_index_store, "PAUSE", 0.0)
    monkeypatch.setattr(_index_committed, "MANY", 3)
    monkeypatch.setattr(_index_committed, "KEYS_PER_SHARD", 2)
    monkeypatch.setattr(_index_committed, "PORTION", 64)


def quickly(examples, steps):
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def test_whatever_happens_nothing_is_lost_doubled_or_stuck():
    run_state_machine_as_test(AnyIndex, settings=quickly(200, 20))


def test_the_same_on_the_emulator(aws):
    class OnEmulator(AnyIndex):
        s3 = aws.client("s3")

    run_state_machine_as_test(OnEmulator, settings=quickly(8, 10))
