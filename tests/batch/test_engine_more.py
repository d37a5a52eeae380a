"""What an engine looks after while it goes on: its ledger's calls, its policy over segments, the project."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bda.batch import engine as engine_module
from airflow_provider_bda.batch import writer as writer_module
from airflow_provider_bda.batch.document import Document
from airflow_provider_bda.batch.ledger import End, Segment, parse
from airflow_provider_bda.batch.plan import Run
from airflow_provider_bda.batch.project_state import Unreadable
from airflow_provider_bda.batch.rows import Row
from airflow_provider_bda.batch.summary import Figures
from airflow_provider_bda.batch.work import left_to_do, rows_of
from airflow_provider_bda.batch.writer import LedgerWriter
from airflow_provider_bda.jobs.kind import Outcome
from tests.batch.conftest import FakeService, FakeStore

BLUEPRINT = "arn:aws:bedrock:us-east-1:1:blueprint/b"


def state(version):
    return {"project": None, "blueprints": [{"arn": BLUEPRINT, "version": version, "modified": None}]}


def test_with_a_narrow_window_a_job_is_written_down_when_it_ends(a_batch, monkeypatch):
    monkeypatch.setattr(writer_module, "OLD", 0.01)
    monkeypatch.setattr(writer_module, "LOOK", 0.01)
    store, layout = FakeStore(), a_batch(1).layout

    async def main():
        writer = LedgerWriter(store, layout)
        running = asyncio.create_task(writer.run())
        try:
            async with asyncio.timeout(20.0):
                for place in range(12):
                    record = {"i": place, "g": 0, "r": 0, "arn": f"arn:{place}", "at": 1.0}
                    writer.add(0, {"k": "job", **record})
                    await asyncio.sleep(0.02)
                    writer.add(0, {"k": "end", "o": "succeeded", **record})
                    while f"arn:{place}".encode() not in b"".join(store.objects.values()):  # noqa: ASYNC110 - as above
                        await asyncio.sleep(0.005)
        finally:
            running.cancel()

    asyncio.run(main())


def test_rejections_in_a_row_are_counted_over_segments(a_batch):
    batch, service = a_batch(100, segment=4), FakeService(lambda uri, number: Outcome.REJECTED)
    batch.order(policy={"max_consecutive_rejections": 10}, max_open_jobs={"document": 2})
    assert batch.work(service).state == "stopped"
    assert len(service.jobs) <= 10 + 2


@pytest.mark.parametrize("before", [False, True], ids=["the first rows", "rows over older ones"])
def test_an_engine_that_stood_still_puts_no_old_rows_over_newer_ones(a_batch, before):
    """A host loses its network as it closes a segment; the batch goes on elsewhere; then the network is back."""
    batch, service = a_batch(2), FakeService(lambda uri, number: Outcome.REJECTED)
    batch.order()
    if before:
        batch.work(service)
        batch.clear()
    store, part = batch.store, batch.layout.part(0)

    async def without_network(uri):
        if uri != part:
            return
        store.stand_still = None
        service.outcome_of = lambda uri, number: Outcome.SUCCEEDED
        batch.clear()
        await batch.engine(service).run()
        # The end of the batch adds what the outputs say.
        rows = [{**json.loads(line), "pages": 3} for line in store.objects[part].splitlines()]
        store.objects[part] = "".join(json.dumps(row) + "\n" for row in rows).encode()

    store.stand_still = without_network
    batch.work(service)
    assert [(row["status"], row["pages"]) for row in batch.rows.values()] == [("succeeded", 3)] * 2
    assert len(service.jobs) == (6 if before else 4)


@pytest.mark.parametrize("wish", ["warn", "fail", "ignore"])
def test_a_project_that_changes_in_mid_batch_is_told_or_stops_it(a_batch, monkeypatch, wish):
    monkeypatch.setattr(engine_module, "LOOK_AT_PROJECT", 0.02)
    batch, service = a_batch(60), FakeService(seconds=0.05)
    batch.order(project_state=state("1"), on_project_change=wish, max_open_jobs={"document": 2})
    service.states = [Unreadable("AccessDeniedException: no")] * 2 + [state("1"), state("2")]
    ended = batch.work(service)
    told = [said for said in batch.said if BLUEPRINT in said and "were changed" in said]
    if wish == "fail":
        assert (ended.state, "on_project_change is 'fail'" in ended.why) == ("stopped", True)
        assert 0 < len(service.jobs) < 60
        assert len(batch.rows) == len(service.jobs)
    else:
        assert (ended.state, len(told)) == ("done", 1 if wish == "warn" else 0)
    assert sum("cannot be read here" in said for said in batch.said) == (wish != "ignore")


# --- the ledger in any order -----------------------------------------------------------------

SIZE = 6
WRITERS = ("", "w1", "w2")
places = st.integers(0, SIZE - 1)
runs = st.integers(0, 2)


def jobs(place, generation):
    return st.sampled_from([f"arn:{place}:{generation}:{n}" for n in range(2)])


@st.composite
def record(draw):
    kind = draw(
        st.sampled_from(["intent", "free", "job", "job", "end", "end", "end", "skip", "over", "of tomorrow"])
    )
    place, generation, run = draw(places), draw(st.integers(0, 2)), draw(runs)
    at = float(draw(st.integers(0, 5)))
    match kind:
        case "intent":
            return {
                "k": kind,
                "i": place,
                "n": draw(st.integers(1, SIZE)),
                "r": run,
                "w": draw(st.sampled_from(WRITERS)),
            }
        case "free":
            return {
                "k": kind,
                "i": place,
                "n": draw(st.integers(1, SIZE)),
                "w": draw(st.sampled_from(WRITERS)),
            }
        case "skip":
            return {"k": kind, "i": place, "r": run, "words": draw(st.sampled_from(["a", "b"]))}
        case "over":
            return {"k": kind, "r": run}
    found = {"k": kind, "i": place, "g": generation, "r": run, "at": at, "arn": draw(jobs(place, generation))}
    if kind == "end":
        found |= {"o": draw(st.sampled_from(list(End))).value, "sub": float(draw(st.integers(0, 5)))}
        found |= draw(st.sampled_from([{}, {"sec": 2}, {"type": "E", "words": "no"}]))
        if draw(st.booleans()):
            del found["arn"]
    return found


@st.composite
def replays(draw):
    """Records, and the same ones in another order, some of them several times."""
    written = draw(st.lists(record(), max_size=25))
    again = draw(st.lists(st.sampled_from(written), max_size=10)) if written else []
    return written, draw(st.permutations([*written, *again]))


def told(records):
    """All that anybody asks a ledger."""
    documents = [Document(document_id=f"d{n}", input_s3_uri=f"s3://b/{n}.pdf") for n in range(SIZE)]
    segment = Segment(SIZE)
    for item in records:
        segment.add(item)
    rows = list(rows_of(documents, segment))
    figures = Figures()
    for row in rows:
        if row["status"] is not None:
            figures.add(Row.from_json(row))
    orders = {
        "max_tries": 0,
        "try_number": 1,
        "started_at": 0.0,
        "deadline": 9.0,
        "request": {},
        "output_s3_uri": "",
    }
    run = Run(number=2, began=1, again=["broken", "lost", "timeout"], redo=["rejected"], **orders)
    work = left_to_do(documents, segment, run)
    return (
        rows,
        figures.to_json(),
        work,
        segment.intended(),
        segment.open(),
        segment.announced(),
        segment.over,
    )


@settings(max_examples=150, deadline=None)
@given(replays())
def test_the_ledger_replays_to_the_same_in_any_order_and_with_repeats(both):
    written, shuffled = both
    assert told(shuffled) == told(written)


@settings(max_examples=50, deadline=None)
@given(st.lists(record(), max_size=10))
def test_what_is_open_is_never_free(written):
    segment = Segment(SIZE)
    for item in written:
        segment.add(item)
    for item in written:
        if item["k"] == "job":
            outcome = segment.state(item["i"]).outcome
            settled = outcome in {End.SUCCEEDED, End.REJECTED, End.BROKEN}
            assert settled or item["i"] in segment.open()
    assert list(parse(b"")) == []
