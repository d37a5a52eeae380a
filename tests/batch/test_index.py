"""What is asked, leased and committed by several batches at once, with something in between of every two calls to S3."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from airflow_provider_bda.batch import _index_committed, _index_store
from airflow_provider_bda.batch.index import ProcessedIndex, Verdict, index_key
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BdaInputError
from tests.batch.s3_client import Crash, FakeS3, Interrupted, crash

NEW, PROCESSED, LEASED = Verdict.NEW, Verdict.PROCESSED, Verdict.LEASED
URI = "s3://documents/state/index"
REQUEST = {"dataAutomationConfiguration": {"dataAutomationProjectArn": "arn:p", "stage": "LIVE"}}


def key_of(number):
    return hashlib.sha256(str(number).encode()).digest()[:16]


KEYS = [key_of(number) for number in range(6)]


@pytest.fixture
def s3(aws):
    return aws.client("s3")


@pytest.fixture
def index(s3):
    return made(s3)


def made(s3, shards=2, **members):
    """Answer an index of few shards, whose calls come in a fixed order."""
    return ProcessedIndex.open(s3, URI, create=True, shards=shards, **{"parallel": 1, **members})


def names(s3, folder=""):
    prefix = f"state/index/{folder}"
    found = s3.list_objects_v2(Bucket="documents", Prefix=prefix).get("Contents", ())
    return [item["Key"].removeprefix("state/index/") for item in found]


def every_interruption(run):
    """Call `run(number)` for 1, 2, ... until it answers that it made fewer calls than that."""
    for number in itertools.count(1):
        if run(number) < number:
            return number - 1
    raise AssertionError


# --- the key --------------------------------------------------------------------------------------------


def test_a_key_is_16_bytes_and_the_same_for_the_same_document_and_request():
    key = index_key("s3://in/a.pdf", "abc", REQUEST)

    assert len(key) == 16
    assert key == index_key("s3://in/a.pdf", '"abc"', json.loads(json.dumps(REQUEST)))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(("s3://in/b.pdf", "abc", REQUEST), id="file"),
        pytest.param(("s3://in/a.pdf", "abd", REQUEST), id="version of the file"),
        pytest.param(("s3://in/a.pdf", None, REQUEST), id="no version"),
        pytest.param(("s3://in/a.pdf", "abc", {**REQUEST, "blueprints": [{"version": "2"}]}), id="blueprint"),
    ],
)
def test_another_file_or_another_request_is_another_key(other):
    assert index_key("s3://in/a.pdf", "abc", REQUEST) != index_key(*other)


def test_where_results_go_and_what_marks_the_request_is_not_in_the_key():
    marked = {
        **REQUEST,
        "clientToken": "t",
        "tags": [{"key": "a", "value": "b"}],
        "outputConfiguration": {"s3Uri": "s3://out/"},
        "notificationConfiguration": {},
    }

    assert index_key("s3://in/a.pdf", "abc", REQUEST) == index_key("s3://in/a.pdf", "abc", marked)


# --- opening --------------------------------------------------------------------------------------------


def test_a_missing_index_is_an_error_that_names_create_index(s3):
    with pytest.raises(BdaInputError, match=r"create_index=True.*bought again"):
        ProcessedIndex.open(s3, URI, create=False)
    assert names(s3) == []


def test_an_index_keeps_the_number_of_shards_it_was_made_with(s3):
    made(s3, shards=4)

    assert ProcessedIndex.open(s3, URI, create=True, shards=16).shards == 4
    assert ProcessedIndex.open(s3, URI + "/", create=False).shards == 4


def test_no_index_is_made_among_foreign_things(s3):
    s3.put_object(Bucket="documents", Key="state/index/report.csv", Body=b"x")

    with pytest.raises(BdaInputError, match=r"other things lie there, as report\.csv"):
        made(s3)
    assert names(s3) == ["report.csv"]


@pytest.mark.parametrize("body", [b"{}", b"[]", b"\xff", b'{"format": "x", "version": 1, "shards": 2}'])
def test_an_index_json_of_someone_else_is_refused(s3, body):
    s3.put_object(Bucket="documents", Key="state/index/index.json", Body=body)

    with pytest.raises(BdaInputError, match="is not ours"):
        made(s3)


def test_an_index_of_another_format_version_is_refused(s3, index):
    made_of = json.loads(s3.get_object(Bucket="documents", Key="state/index/index.json")["Body"].read())
    body = json.dumps({**made_of, "version": 2}).encode()
    s3.put_object(Bucket="documents", Key="state/index/index.json", Body=body)

    with pytest.raises(BdaInputError, match="format version 2; this release reads 1"):
        made(s3)


def test_of_two_that_make_an_index_at_once_both_get_the_first_ones(s3):
    def check(number):
        for name in names(s3):
            s3.delete_object(Bucket="documents", Key=f"state/index/{name}")
        slow = Interrupted(s3, before={number: lambda: made(s3, shards=4)})
        index = made(slow, shards=2)
        assert index.shards == (4 if slow.calls >= number and number < 4 else 2)
        return slow.calls

    assert every_interruption(check) == 4


@pytest.mark.parametrize("uri", ["state/index", "s3://", "s3://bucket", "s3://bucket/", "s3:///x"])
def test_a_prefix_that_is_none_is_refused(s3, uri):
    with pytest.raises(BdaInputError, match="must be a prefix of its own"):
        ProcessedIndex(s3, uri)


def test_a_missing_bucket_and_a_missing_permission_are_named(aws, s3):
    with pytest.raises(BdaInputError, match=r"The bucket of state_s3_uri s3://nowhere/index does not exist"):
        ProcessedIndex.open(s3, "s3://nowhere/index", create=True)

    aws.fault(Fault(operation="s3:PUT", error="AccessDenied", status=403))
    with pytest.raises(BdaInputError, match="S3 denied s3:PutObject"):
        made(s3)


def test_what_passes_by_itself_stays_an_error_that_is_tried_again(aws, index):
    aws.fault(Fault(operation="s3:*", error="SlowDown", status=503))

    with pytest.raises(ClientError, match="SlowDown"):
        made(aws.client("s3", config=Config(retries={"total_max_attempts": 1})))


# --- claim, commit, release -----------------------------------------------------------------------------


def test_what_is_new_is_leased_to_the_first_and_processed_once_it_is_committed(index):
    first = index.claim(KEYS[:2], owner="a", until=100, now=0)
    second = index.claim(KEYS[:3], owner="b", until=100, now=0)
    index.commit(KEYS[:1], owner="a")

    assert first == [NEW, NEW]
    assert second == [LEASED, LEASED, NEW]
    assert index.claim(KEYS[:4], owner="c", until=100, now=0) == [PROCESSED, LEASED, LEASED, NEW]


def test_a_retry_goes_on_with_what_it_leased_and_writes_nothing_again(s3, index):
    index.claim(KEYS, owner="a", until=100, now=0)
    before = s3.list_objects_v2(Bucket="documents", Prefix="state/index/leases/")["Contents"]

    assert made(s3).claim(KEYS, owner="a", until=200, now=150) == [NEW] * 6
    after = s3.list_objects_v2(Bucket="documents", Prefix="state/index/leases/")["Contents"]
    assert [item["ETag"] for item in after] == [item["ETag"] for item in before]


def test_verdicts_come_in_the_order_asked_for_and_twice_for_a_key_given_twice(index):
    index.commit([KEYS[3]], owner="a")

    assert index.claim([KEYS[3], KEYS[0], KEYS[3]], owner="a", until=9, now=0) == [PROCESSED, NEW, PROCESSED]
    assert index.claim([], owner="a", until=9, now=0) == []


def test_a_lease_ends_with_its_time_and_not_before(index):
    index.claim(KEYS[:1], owner="a", until=100, now=0)

    assert index.claim(KEYS[:1], owner="b", until=200, now=99.9) == [LEASED]
    assert index.claim(KEYS[:1], owner="b", until=200, now=100) == [NEW]
    assert index.claim(KEYS[:1], owner="a", until=300, now=150) == [LEASED]


def test_extending_keeps_all_leases_of_an_owner_and_costs_two_calls(s3, index):
    index.claim(KEYS, owner="a", until=100, now=0)
    client = Interrupted(s3)

    assert ProcessedIndex(client, URI).extend(owner="a", until=300) is True
    assert client.calls == 2
    assert index.claim(KEYS, owner="b", until=400, now=299) == [LEASED] * 6


def test_extending_never_shortens(index):
    index.claim(KEYS[:1], owner="a", until=100, now=0)

    assert index.extend(owner="a", until=50) is True
    assert index.claim(KEYS[:1], owner="b", until=200, now=99) == [LEASED]


def test_an_owner_that_was_taken_over_is_told_until_it_claims_again(s3, index):
    index.claim(KEYS[:2], owner="a", until=100, now=0)
    index.claim(KEYS[:1], owner="b", until=300, now=150)

    assert index.extend(owner="a", until=400) is False
    assert made(s3).extend(owner="a", until=400) is False
    assert index.claim(KEYS[:2], owner="a", until=400, now=150) == [LEASED, NEW]
    assert index.extend(owner="a", until=500) is True


def test_an_owner_that_claims_more_without_knowing_that_it_was_taken_over_is_told(s3, index):
    index.claim(KEYS[:2], owner="a", until=100, now=0)
    made(s3).claim(KEYS[:1], owner="b", until=300, now=150)
    index.claim(KEYS[3:], owner="a", until=400, now=150)

    assert index.extend(owner="a", until=500) is False
    assert index.claim(KEYS[:2], owner="a", until=500, now=150) == [LEASED, NEW]
    assert index.extend(owner="a", until=600) is True


def test_an_expired_lease_that_nobody_wanted_can_be_extended(index):
    index.claim(KEYS[:1], owner="a", until=100, now=0)

    assert index.extend(owner="a", until=300) is True
    assert index.claim(KEYS[:1], owner="b", until=400, now=200) == [LEASED]


def test_who_never_claimed_has_nothing_to_extend(index):
    assert index.extend(owner="a", until=300) is False


def test_a_commit_counts_after_expiry_and_after_a_takeover(index):
    index.claim(KEYS[:2], owner="a", until=100, now=0)
    index.claim(KEYS[:1], owner="b", until=300, now=150)
    index.commit(KEYS[:2], owner="a")

    assert index.claim(KEYS[:2], owner="c", until=400, now=160) == [PROCESSED, PROCESSED]


def test_committing_again_changes_nothing(s3, index):
    index.commit(KEYS[:3], owner="a")
    before = names(s3, "deltas/")
    index.commit([*reversed(KEYS[:3]), KEYS[0]], owner="a")
    index.commit([], owner="a")

    assert names(s3, "deltas/") == before
    assert len(before) == 1


def test_released_keys_are_free_and_those_of_others_stay(index):
    index.claim(KEYS[:2], owner="a", until=100, now=0)
    index.claim(KEYS[2:4], owner="b", until=100, now=0)
    index.release(KEYS, owner="a")

    assert index.claim(KEYS[:4], owner="c", until=100, now=0) == [NEW, NEW, LEASED, LEASED]


def test_what_was_committed_stays_so_when_it_is_released(index):
    index.claim(KEYS[:2], owner="a", until=100, now=0)
    index.commit(KEYS[:1], owner="a")
    index.release(KEYS[:2], owner="a")

    assert index.claim(KEYS[:2], owner="b", until=100, now=0) == [PROCESSED, NEW]


def test_leases_that_were_committed_are_swept_out_by_the_next_claim(s3, index):
    index.claim(KEYS, owner="a", until=100, now=0)
    index.commit(KEYS, owner="a")
    index.claim([key_of(number) for number in range(100, 110)], owner="b", until=100, now=0)

    bodies = [
        json.loads(s3.get_object(Bucket="documents", Key=f"state/index/{name}")["Body"].read())
        for name in names(s3, "leases/")
    ]
    assert {owner for body in bodies for owner, _, _ in body["leases"]} == {"b"}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"keys": [b"short"], "owner": "a", "until": 9, "now": 0}, "16 bytes"),
        ({"keys": KEYS, "owner": "a/b", "until": 9, "now": 0}, "an owner is"),
        ({"keys": KEYS, "owner": "a", "until": 9, "now": 9}, "is over at 9 already"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(index, members, words):
    with pytest.raises(ValueError, match=words):
        index.claim(members.pop("keys"), **members)


# --- something between any two calls ----------------------------------------------------------------------


def fresh():
    """Answer an S3 with an index, as the fake is quick and the emulator need not see each of a hundred cases."""
    s3 = FakeS3()
    made(s3)
    return s3


def test_of_two_claims_at_once_exactly_one_gets_each_key():
    def check(number):
        s3, others = fresh(), []
        slow = Interrupted(
            s3, before={number: lambda: others.extend(made(s3).claim(KEYS, owner="b", until=100, now=0))}
        )
        ours = made(slow).claim(KEYS, owner="a", until=100, now=0)
        if others:
            assert [{one, two} for one, two in zip(ours, others, strict=True)] == [{NEW, LEASED}] * 6
        return slow.calls

    assert every_interruption(check) >= 10


def test_of_two_that_take_over_an_expired_lease_at_once_exactly_one_gets_it():
    def check(number):
        s3, others = fresh(), []
        made(s3).claim(KEYS, owner="late", until=10, now=0)
        slow = Interrupted(
            s3, before={number: lambda: others.extend(made(s3).claim(KEYS, owner="b", until=100, now=20))}
        )
        ours = made(slow).claim(KEYS, owner="a", until=100, now=20)
        if others:
            assert [{one, two} for one, two in zip(ours, others, strict=True)] == [{NEW, LEASED}] * 6
        return slow.calls

    assert every_interruption(check) >= 10


def test_of_an_owner_that_extends_late_and_one_that_takes_over_exactly_one_wins():
    def check(number):
        s3, extended = fresh(), []
        late = made(s3)
        late.claim(KEYS, owner="late", until=10, now=0)
        slow = Interrupted(s3, before={number: lambda: extended.append(late.extend(owner="late", until=100))})
        ours = made(slow).claim(KEYS, owner="a", until=100, now=20)
        if extended:
            assert set(ours) == ({LEASED} if extended == [True] else {NEW})
        return slow.calls

    assert every_interruption(check) >= 10


@pytest.mark.parametrize("leases_lie_there", [False, True])
def test_what_is_leased_committed_and_released_during_a_claim_is_not_bought_again(leases_lie_there):
    def check(number):
        s3, bought = fresh(), set()
        if leases_lie_there:
            made(s3).claim(KEYS, owner="c", until=100, now=0)
            made(s3).release(KEYS, owner="c")

        def process():
            other = made(s3)
            verdicts = other.claim(KEYS, owner="b", until=100, now=0)
            bought.update(key for key, verdict in zip(KEYS, verdicts, strict=True) if verdict is NEW)
            other.commit(bought, owner="b")
            other.release(KEYS, owner="b")

        slow = Interrupted(s3, before={number: process})
        ours = made(slow).claim(KEYS, owner="a", until=100, now=0)
        assert ours == [PROCESSED if key in bought else NEW for key in KEYS]
        return slow.calls

    assert every_interruption(check) >= 10


@pytest.mark.parametrize("fully", [False, True])
def test_compaction_during_a_claim_hides_nothing(fully):
    def check(number):
        s3 = fresh()
        for key in KEYS[:4]:
            made(s3).commit([key], owner="b")
        slow = Interrupted(s3, before={number: lambda: made(s3).compact(fully=fully)})
        ours = made(slow).claim(KEYS, owner="a", until=100, now=0)
        assert ours == [PROCESSED] * 4 + [NEW] * 2
        return slow.calls

    assert every_interruption(check) >= 10


@pytest.mark.parametrize("fully", [False, True])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_anywhere_in_compaction_loses_nothing(fully, moment):
    def check(number):
        s3 = fresh()
        for key in KEYS:
            made(s3).commit([key], owner="b")
        slow = Interrupted(s3, **{moment: {number: crash}})
        with suppress(Crash):
            made(slow).compact(fully=fully)
        assert made(s3).claim(KEYS, owner="a", until=100, now=0) == [PROCESSED] * 6
        made(s3).compact(fully=fully)
        assert made(s3).claim(KEYS, owner="a", until=100, now=0) == [PROCESSED] * 6
        return slow.calls

    assert every_interruption(check) >= 8


@pytest.mark.parametrize("fully", [False, True])
def test_two_compactions_and_a_commit_at_once_lose_nothing(fully):
    def check(number):
        s3 = fresh()
        for key in KEYS[:3]:
            made(s3).commit([key], owner="b")

        def meanwhile():
            made(s3).commit(KEYS[3:4], owner="b")
            made(s3).commit(KEYS[:3], owner="b")
            made(s3).compact(fully=not fully)
            made(s3).commit(KEYS[:1], owner="b")

        slow = Interrupted(s3, before={number: meanwhile})
        made(slow).compact(fully=fully)
        wanted = [PROCESSED] * (4 if slow.calls >= number else 3)
        assert made(s3).claim(KEYS[: len(wanted)], owner="a", until=100, now=0) == wanted
        return slow.calls

    assert every_interruption(check) >= 6


def test_a_crash_anywhere_in_a_claim_leaves_what_a_retry_goes_on_with():
    def check(number):
        s3 = fresh()
        slow = Interrupted(s3, after={number: crash})
        with suppress(Crash):
            made(slow).claim(KEYS, owner="a", until=100, now=0)
        assert made(s3).claim(KEYS, owner="a", until=100, now=0) == [NEW] * 6
        assert made(s3).claim(KEYS, owner="b", until=200, now=50) == [LEASED] * 6
        return slow.calls

    assert every_interruption(check) >= 8


def test_batches_that_commit_and_claim_in_threads_buy_each_document_once(s3, index):
    keys = [key_of(number) for number in range(60)]
    bought, start = [], threading.Barrier(4)

    def batch(owner):
        mine = made(s3, parallel=2)
        start.wait(30)
        for part in (keys[:30], keys[20:]):
            verdicts = mine.claim(part, owner=owner, until=100, now=0)
            new = [key for key, verdict in zip(part, verdicts, strict=True) if verdict is NEW]
            new = [key for key in new if (owner, key) not in bought]
            bought.extend((owner, key) for key in new)
            mine.commit(new, owner=owner)
            mine.compact(fully=owner in {"a", "b"})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(batch, "abcd"))

    assert sorted(key for _, key in bought) == sorted(keys)
    assert index.claim(keys, owner="e", until=200, now=150) == [PROCESSED] * 60


def test_lost_answers_and_throttling_double_nothing(aws, index):
    aws.fault(Fault(operation="s3:PUT", lose_answer=True, probability=0.3, seed=1, times=5))
    aws.fault(Fault(operation="s3:GET", error="SlowDown", status=503, probability=0.2, seed=2, times=3))
    patient = aws.client("s3", config=Config(retries={"total_max_attempts": 20, "mode": "standard"}))
    one, two = made(patient), made(patient)

    first = one.claim(KEYS[:4], owner="a", until=100, now=0)
    one.commit(KEYS[:2], owner="a")
    second = two.claim(KEYS, owner="b", until=100, now=0)
    two.compact(fully=True)

    aws.clear_faults()
    assert first == [NEW] * 4
    assert second == [PROCESSED, PROCESSED, LEASED, LEASED, NEW, NEW]
    assert index.claim(KEYS, owner="a", until=100, now=0) == [PROCESSED] * 2 + [NEW] * 2 + [LEASED] * 2


# --- compaction and size ----------------------------------------------------------------------------------


def test_a_few_commits_are_made_one_delta_and_many_go_into_the_shards(s3, index, monkeypatch):
    for key in KEYS:
        index.commit([key], owner="a")
    index.compact()
    few = (len(names(s3, "deltas/")), len(names(s3, "shards/")))
    monkeypatch.setattr(_index_committed, "KEYS_PER_SHARD", 3)
    index.compact()

    assert few == (1, 0)
    assert (names(s3, "deltas/"), len(names(s3, "shards/"))) == ([], 2)
    assert index.claim(KEYS, owner="b", until=9, now=0) == [PROCESSED] * 6


def test_a_claim_tidies_up_after_many_commits(s3, index, monkeypatch):
    monkeypatch.setattr(_index_committed, "MANY", 3)
    for key in KEYS:
        index.commit([key], owner="a")

    assert index.claim(KEYS, owner="b", until=9, now=0) == [PROCESSED] * 6
    assert len(names(s3, "deltas/")) == 1


def test_no_more_deltas_are_in_memory_than_a_portion(s3, index, monkeypatch):
    monkeypatch.setattr(_index_committed, "PORTION", 32)
    most = []
    add = _index_committed.Pending.add
    monkeypatch.setattr(
        _index_committed.Pending, "add", lambda self, *args: (add(self, *args), most.append(len(self.names)))
    )
    for key in KEYS:
        index.commit([key], owner="a")
    index.compact()

    assert max(most) == 2
    assert index.claim(KEYS, owner="b", until=9, now=0) == [PROCESSED] * 6


def test_a_run_of_many_documents_costs_less_than_a_call_per_five(s3):
    keys = [key_of(number) for number in range(1000)]
    client = Interrupted(s3)
    index = made(client, shards=16, parallel=2)
    index.commit([key_of(number) for number in range(2000, 3000)], owner="before")
    index.compact(fully=True)
    client.calls = 0

    assert index.claim(keys, owner="a", until=100, now=0) == [NEW] * 1000
    for start in range(0, 1000, 100):
        index.commit(keys[start : start + 100], owner="a")
    index.extend(owner="a", until=200)
    index.compact()

    assert client.calls <= 80


@pytest.mark.parametrize("small", [0, 16_384])
def test_a_second_claim_fetches_nothing_that_did_not_change(s3, monkeypatch, small):
    monkeypatch.setattr(_index_store, "SMALL", small)
    keys = [key_of(number) for number in range(200)]
    made(s3).commit(keys[:50], owner="before")
    made(s3).compact(fully=True)
    client = Interrupted(s3)
    index = made(client, shards=2)
    index.claim(keys[:100], owner="a", until=100, now=0)
    made(s3).claim(keys[100:110], owner="b", until=100, now=0)
    index.claim(keys[110:120], owner="a", until=100, now=0)
    client.calls = 0

    verdicts = index.claim(keys, owner="a", until=100, now=0)

    assert verdicts == [PROCESSED] * 50 + [NEW] * 50 + [LEASED] * 10 + [NEW] * 90
    # The owners a and b, four listings, and a write per shard.
    assert client.calls == 2 + 4 + 2


def test_the_fake_answers_as_the_emulator(s3):
    def answers(client):
        def tried(name, **members):
            try:
                answer = getattr(client, name)(Bucket="documents", **members)
            except ClientError as error:
                return error.response["Error"]["Code"]
            wanted = ("ETag", "IsTruncated", "Contents")
            told = {key: answer[key] for key in wanted if key in answer}
            if "Contents" in told:
                told["Contents"] = [
                    {key: item[key] for key in ("Key", "ETag", "Size")} for item in told["Contents"]
                ]
            return told | ({"Body": answer["Body"].read()} if "Body" in answer else {})

        one = tried("put_object", Key="x/1", Body=b"one", IfNoneMatch="*")
        return [
            one,
            tried("put_object", Key="x/1", Body=b"two", IfNoneMatch="*"),
            tried("put_object", Key="x/1", Body=b"two", IfMatch='"0"'),
            tried("put_object", Key="x/1", Body=b"two", IfMatch=one["ETag"]),
            tried("put_object", Key="x/2", Body=b"two", IfMatch=one["ETag"]),
            tried("put_object", Key="x/2", Body=b"", Metadata={"owner": "a"}),
            tried("get_object", Key="x/1"),
            tried("get_object", Key="x/3"),
            tried("list_objects_v2", Prefix="x/"),
            tried("list_objects_v2", Prefix="x/", MaxKeys=1),
            tried("delete_objects", Delete={"Objects": [{"Key": "x/1"}, {"Key": "x/9"}], "Quiet": True}),
            tried("list_objects_v2", Prefix="x/"),
            tried("list_objects_v2", Prefix="nothing/"),
        ]

    assert answers(FakeS3()) == answers(s3)


def test_a_look_answers_as_a_claim_would_and_leases_nothing(index):
    a, b, c = KEYS[:3]
    index.claim([a], owner="one", until=1000.0, now=0.0)
    index.commit([b], owner="one")
    assert index.look([c, b, a], now=10.0) == [Verdict.NEW, Verdict.PROCESSED, Verdict.LEASED]
    assert index.look([a], now=2000.0) == [Verdict.NEW]
    assert index.claim([c], owner="two", until=1000.0, now=10.0) == [Verdict.NEW]
