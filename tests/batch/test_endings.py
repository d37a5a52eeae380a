"""However a run ends: its results are whole, and other runs may take what it leaves, but nothing with an open job."""

from __future__ import annotations

import asyncio
import json

import pytest

from airflow_provider_bda.batch import engine as engine_module
from airflow_provider_bda.batch import incremental, iter_results
from airflow_provider_bda.batch.ledger import Segment, lines, parse
from airflow_provider_bda.batch.settle import settle
from airflow_provider_bda.batch.store import StoreError
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BdaBatchError, BdaError, BdaInputError
from airflow_provider_bda.jobs.kind import Outcome
from airflow_provider_bda.operators._batch_try import BatchTry
from airflow_provider_bda.operators.batch import BdaBatchOperator
from tests.batch.conftest import LIMIT, FakeService
from tests.batch.test_engine import refusal
from tests.fakes import FakeRun, live_through
from tests.pdf import a_pdf

OUTPUT = "s3://documents/out"
INDEX = "s3://documents/index"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(engine_module, "INTERVAL", (0.05, 0.1))


@pytest.fixture
def live(aws):
    """Live through a try of a batch on so many documents, of the run of that name, on the worker."""
    s3 = aws.client("s3")
    blueprint = f"arn:aws:bedrock:{aws.region}:aws:blueprint/bedrock-data-automation-public-invoice"
    for n in range(6):
        s3.put_object(Bucket="documents", Key=f"in/{n}.pdf", Body=a_pdf(n))
    runs = {}

    def make(run_id, count=5, **arguments):
        settings = {
            "task_id": "a_task",
            "source": [f"s3://documents/in/{n}.pdf" for n in range(count)],
            "output_s3_uri": OUTPUT,
            "blueprints": [blueprint],
            "state_s3_uri": INDEX,
            "create_index": True,
            "deferrable": False,
        }

        def operator(**more):
            return BdaBatchOperator(**{**settings, **arguments, **more})

        run = runs.setdefault(run_id, FakeRun(operator, run_id=run_id))
        run.make = operator
        _, context = run.next_try()
        return live_through(lambda: operator(retries=run.retries), context, LIMIT)

    return make


def counts(result):
    return {name: result[name] for name in ("succeeded", "skipped", "remaining")}


def broken_at_its_end(monkeypatch):
    """Let the next engine break when it has done everything and is about to write its rows."""
    close = engine_module.files.close_segment
    left = [1]

    async def closing(*arguments):
        if left and left.pop():
            raise StoreError("s3://documents/out: AccessDenied", "AccessDenied")
        return await close(*arguments)

    monkeypatch.setattr(engine_module.files, "close_segment", closing)


def test_where_the_engine_broke_the_worker_writes_the_rows_and_tells_the_index(aws, live, monkeypatch):
    broken_at_its_end(monkeypatch)
    result = live("one")
    assert counts(result) == {"succeeded": 5, "skipped": 0, "remaining": 0}
    assert [row.status for row in iter_results(result["batch_s3_uri"])] == ["succeeded"] * 5
    assert counts(live("two")) == {"succeeded": 0, "skipped": 5, "remaining": 0}
    assert counts(live("one")) == {"succeeded": 5, "skipped": 0, "remaining": 0}
    assert len(aws.jobs()) == 5


def test_a_trigger_that_ended_without_an_answer_leaves_whole_results_too(aws, live, monkeypatch):
    def lost(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # the engine did everything, and its answer was lost
        patch.setattr(BatchTry, "finish", lost)
        with pytest.raises(KeyboardInterrupt):
            live("one")
    _, context = FakeRun(lambda **_: None, run_id="one").next_try()
    operator = BdaBatchOperator(
        task_id="a_task",
        source=["s3://documents/in/0.pdf"],
        output_s3_uri=OUTPUT,
        project="invoices",
        state_s3_uri=INDEX,
        on_project_change="ignore",
    )
    with pytest.raises(BdaBatchError, match="ended without an answer"):
        operator.resume_execution("__fail__", {"error": "Trigger timeout"}, context)
    assert counts(live("two")) == {"succeeded": 0, "skipped": 5, "remaining": 0}
    assert len(aws.jobs()) == 5


def test_what_a_refused_run_never_submitted_another_run_may_take(aws, live):
    aws.fault(Fault(operation="InvokeDataAutomationAsync", error="AccessDeniedException"))
    with pytest.raises(BdaBatchError, match="refused to take jobs"):
        live("one")
    aws.clear_faults()
    assert counts(live("two")) == {"succeeded": 5, "skipped": 0, "remaining": 0}
    assert len(aws.jobs()) == 5


def test_what_has_an_open_job_when_the_run_ends_stays_its_own(aws, live):
    aws.settings.duration = lambda job: 60.0 if job.input_uri.endswith("/0.pdf") else 0.0
    with pytest.raises(BdaBatchError, match="1 of 5 documents failed"):
        live("one", max_documents=1, document_timeout=0.3)
    assert counts(live("two")) == {"succeeded": 4, "skipped": 1, "remaining": 0}
    assert sorted(job.input_uri for job in aws.jobs()) == [f"s3://documents/in/{n}.pdf" for n in range(5)]


def test_a_lost_answer_keeps_the_document_though_the_run_is_over(aws, live):
    aws.fault(Fault(operation="InvokeDataAutomationAsync", lose_answer=True, input_uri="*/0.pdf"))
    aws.fault(Fault(operation="InvokeDataAutomationAsync", error="AccessDeniedException"))
    with pytest.raises(BdaBatchError, match="refused to take jobs"):
        live("one")
    aws.clear_faults()
    assert counts(live("two")) == {"succeeded": 4, "skipped": 1, "remaining": 0}
    assert counts(live("one")) == {"succeeded": 1, "skipped": 4, "remaining": 0}
    assert sorted(job.input_uri for job in aws.jobs()) == [f"s3://documents/in/{n}.pdf" for n in range(5)]


def test_a_wrong_line_gives_back_what_was_claimed_before_it(aws, live, monkeypatch):
    monkeypatch.setattr(incremental, "CLAIM", 2)
    body = "".join(json.dumps({"input_s3_uri": f"s3://documents/in/{n}.pdf"}) + "\n" for n in range(4))
    aws.client("s3").put_object(Bucket="documents", Key="list.jsonl", Body=(body + "no json\n").encode())
    with pytest.raises(BdaInputError, match="line 5"):
        live("one", source="s3://documents/list.jsonl")
    aws.client("s3").put_object(Bucket="documents", Key="list.jsonl", Body=body.encode())
    result = live("two", source="s3://documents/list.jsonl")
    assert counts(result) == {"succeeded": 4, "skipped": 0, "remaining": 0}


def test_an_engine_takes_back_what_it_announced_and_did_not_submit(a_batch):
    batch, service = a_batch(40), FakeService()
    batch.order(max_documents=3)
    assert batch.work(service).state == "portion"
    assert open_intents(batch) == set()
    batch, service = a_batch(40), FakeService()
    service.lose_answer = lambda request: asked(request) <= 2
    service.refuse = lambda request: refusal("AccessDeniedException") if asked(request) > 2 else None
    batch.order()
    assert batch.work(service).state == "refused"
    assert 0 in open_intents(batch)
    assert open_intents(batch) == {0, 1, 2} & set(map(asked, service.submits))


def asked(request):
    return int(request["inputConfiguration"]["s3Uri"].rsplit("/", 1)[1].removesuffix(".pdf"))


def open_intents(batch):
    segment = Segment(len(batch.documents))
    for uri, body in batch.store.objects.items():
        if "/ledger/" in uri:
            for record in parse(body):
                segment.add(record)
    return set(segment.intended())


def test_what_may_have_been_submitted_again_is_not_free(a_batch):
    batch, service = a_batch(6), FakeService(lambda uri, number: Outcome.REJECTED)
    batch.order()
    batch.work(service)
    run = batch.clear()
    job = {"g": 1, "r": 1, "arn": "arn:4", "at": 1.0}
    records = [
        {"k": "intent", "i": 1, "n": 4, "r": 1, "w": "killed"},  # before it could write of what it bought
        {"k": "free", "i": 2, "n": 1, "w": "killed"},
        {"k": "end", "i": 3, **job, "o": "rejected"},
        {"k": "end", "i": 4, **job, "o": "broken"},  # and goes again
        {"k": "job", "i": 5, **job},
    ]
    batch.store.objects[f"{batch.layout.ledger(0)}x.jsonl"] = lines(records)
    found = asyncio.run(settle(batch.store, batch.layout, run, is_over=True))
    assert (found[0].jobs, found[0].unsure) == ({5}, {1, 4})
    assert batch.rows["d3"]["generation"] == 1


def test_an_engine_heeds_that_its_run_is_over(a_batch):
    batch, service = a_batch(100), FakeService(seconds=0.01)
    batch.order()

    async def main():
        async with asyncio.timeout(LIMIT):
            engine = asyncio.create_task(batch.engine(service).run())
            while len(service.jobs) < 10:  # noqa: ASYNC110 - a fake tells nobody
                await asyncio.sleep(0.001)
            batch.store.objects[f"{batch.layout.ledger(0)}{2**42:013d}-over.jsonl"] = lines(
                [{"k": "over", "r": 0}]
            )
            return await engine

    ended = asyncio.run(main())
    assert (ended.state, "has ended" in ended.why) == ("stopped", True)
    assert len(service.jobs) <= engine_module.CHUNK * 2
    batch.retry()
    assert batch.work(FakeService()).state == "done"


def test_a_ledger_that_cannot_be_read_says_so(aws, live, monkeypatch):
    broken_at_its_end(monkeypatch)
    aws.fault(Fault(operation="s3:*", error="AccessDenied", after=40))
    with pytest.raises((BdaError, BdaBatchError)):
        live("one")
    aws.clear_faults()
    assert counts(live("one")) == {"succeeded": 5, "skipped": 0, "remaining": 0}
    assert len(aws.jobs()) == 5
