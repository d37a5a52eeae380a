"""An engine does every document once, whatever happens, and stops when it is told to."""

from __future__ import annotations

import asyncio
import random
import time
import zlib
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from airflow_provider_bda.batch import engine as engine_module
from airflow_provider_bda.batch import policy as policy_module
from airflow_provider_bda.batch.budget import Budget
from airflow_provider_bda.batch.ledger import Segment, lines, parse
from airflow_provider_bda.batch.store import StoreError
from airflow_provider_bda.batch.work import row_of
from airflow_provider_bda.jobs.kind import Outcome
from tests.batch.conftest import LIMIT, FakeService


def refusal(code, message="no"):
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "X"
    )


def drawn(*parts):
    return zlib.crc32(repr(parts).encode())


def statuses(batch):
    return [
        batch.rows[document.document_id]["status"]
        for document in batch.documents
        if document.document_id in batch.rows
    ]


def test_every_document_is_done_once_within_the_window(a_batch):
    batch, service = a_batch(60), FakeService(seconds=0.01)
    batch.order()
    ended = batch.work(service)
    assert (ended.state, ended.why) == ("done", None)
    assert set(service.bought().values()) == {1}
    assert len(service.jobs) == 60
    assert service.most_open == 8
    assert statuses(batch) == ["succeeded"] * 60
    row = batch.rows["d3"]
    assert row["input_s3_uri"] == "s3://documents/in/3.pdf"
    assert row["output_s3_uri"].endswith("/job_metadata.json")
    assert row["custom_output_status"] == ["MATCH"]
    assert row["jobs"] == 1
    assert batch.progress["state"] == "done"
    assert batch.progress["succeeded"] == 60


def test_a_batch_of_many_segments_closes_each(a_batch):
    batch, service = a_batch(95, segment=10), FakeService()
    batch.order()
    batch.work(service)
    assert len(service.jobs) == 95
    assert len([uri for uri in batch.store.objects if uri.startswith(batch.layout.closed)]) == 10
    before = len(batch.store.calls)
    assert batch.work(service).state == "done"
    assert len(service.jobs) == 95
    assert not [uri for operation, uri in batch.store.calls[before:] if "/manifest/" in uri]


def test_the_ledger_costs_a_call_for_five_documents_at_most(a_batch):
    batch, service = a_batch(500), FakeService()
    batch.order(max_open_jobs={"document": 50})
    batch.work(service)
    spent = [uri for _, uri in batch.store.calls if "/ledger/" in uri]
    assert len(spent) <= 500 / 5


def test_what_the_service_breaks_on_goes_again_so_often_and_no_more(a_batch):
    def outcome(uri, number):
        return (
            Outcome.BROKEN
            if number < {"s3://documents/in/1.pdf": 2, "s3://documents/in/2.pdf": 9}.get(uri, 0)
            else Outcome.SUCCEEDED
        )

    batch, service = a_batch(5), FakeService(outcome)
    batch.order(max_retries_per_document=2)
    batch.work(service)
    assert service.bought() == {f"s3://documents/in/{n}.pdf": {1: 3, 2: 3}.get(n, 1) for n in range(5)}
    assert statuses(batch) == ["succeeded", "succeeded", "failed", "succeeded", "succeeded"]
    assert (batch.rows["d2"]["error_type"], batch.rows["d2"]["jobs"]) == ("SomeError", 3)


def test_a_retry_does_again_what_may_mend_and_a_clear_what_did_not_succeed(a_batch):
    bad = {1: Outcome.REJECTED, 2: Outcome.BROKEN}
    service = FakeService(lambda uri, number: bad.get(int(uri.split("/")[-1][:-4]), Outcome.SUCCEEDED))
    batch = a_batch(4)
    batch.order(max_retries_per_document=0)
    batch.work(service)
    assert statuses(batch) == ["succeeded", "rejected", "failed", "succeeded"]
    bad.clear()
    batch.retry()
    batch.work(service)
    assert statuses(batch) == ["succeeded", "rejected", "succeeded", "succeeded"]
    batch.clear()
    batch.work(service)
    assert statuses(batch) == ["succeeded"] * 4
    assert sorted(service.bought().values()) == [1, 1, 2, 2]
    batch.clear(redo=["broken", "lost", "rejected", "succeeded", "timeout"])
    batch.work(service)
    assert sorted(service.bought().values()) == [2, 2, 3, 3]


def test_a_job_over_its_time_is_asked_for_again_by_a_retry_and_not_bought_again(a_batch):
    batch, service = (
        a_batch(3),
        FakeService(lambda uri, number: None if uri.endswith("/1.pdf") else Outcome.SUCCEEDED),
    )
    batch.order(document_timeout=0.1)
    batch.work(service)
    assert statuses(batch) == ["succeeded", "failed", "succeeded"]
    assert batch.rows["d1"]["error_type"] == "BdaJobTimeout"
    for job in service.jobs.values():
        job["outcome"] = Outcome.SUCCEEDED
    batch.retry()
    batch.work(service)
    assert statuses(batch) == ["succeeded"] * 3
    assert len(service.jobs) == 3


def test_a_refusal_of_the_document_rejects_it_alone(a_batch):
    batch, service = a_batch(4), FakeService()
    batch.order()
    service.refuse = lambda request: (
        refusal("ValidationException", "bad key")
        if request["inputConfiguration"]["s3Uri"].endswith("/2.pdf")
        else None
    )
    assert batch.work(service).state == "done"
    assert statuses(batch) == ["succeeded", "succeeded", "rejected", "succeeded"]
    assert batch.rows["d2"]["error_message"] == "bad key"


def test_a_refusal_of_everything_ends_the_batch_before_anything_is_bought(a_batch):
    batch, service = a_batch(200), FakeService()
    batch.order()
    service.refuse = lambda request: refusal("AccessDeniedException", "not yours")
    ended = batch.work(service)
    assert ended.state == "refused"
    assert "AccessDeniedException: not yours" in ended.why
    assert len(service.submits) <= 8
    assert service.jobs == {}


def test_the_same_words_for_the_first_documents_are_a_refusal_of_everything(a_batch):
    batch, service = a_batch(200), FakeService()
    batch.order(max_open_jobs={"document": 2})
    service.refuse = lambda request: refusal("ValidationException", "no such profile")
    ended = batch.work(service)
    assert ended.state == "refused"
    assert len(service.submits) <= policy_module.SAME_REFUSALS + 2


def test_throttling_is_borne_and_too_many_open_jobs_shrink_the_window(a_batch, monkeypatch):
    monkeypatch.setattr("airflow_provider_bda.waiting.rate.FLOOR", 200.0)
    monkeypatch.setattr("airflow_provider_bda.batch.submit.LONGEST_PAUSE", 0.05)
    batch, service = a_batch(40), FakeService(seconds=0.01)
    batch.order(max_open_jobs={"document": 20}, submit_rate=5000.0)
    dice = random.Random(7)

    def refuse(request):
        if service.open >= 10:
            return refusal("ServiceQuotaExceededException")
        return refusal("ThrottlingException") if dice.random() < 0.2 else None

    service.refuse = refuse
    monkeypatch.setattr("asyncio.sleep", _short(asyncio.sleep))
    assert batch.work(service).state == "done"
    assert statuses(batch) == ["succeeded"] * 40
    assert set(service.bought().values()) == {1}


def _short(sleep):
    return lambda seconds, *more: sleep(min(seconds, 0.02), *more)


def test_a_lost_answer_buys_nothing_twice(a_batch, monkeypatch):
    monkeypatch.setattr("airflow_provider_bda.batch.submit.LONGEST_PAUSE", 0.01)
    monkeypatch.setattr("asyncio.sleep", _short(asyncio.sleep))
    batch, service = a_batch(30), FakeService()
    batch.order()
    dice = random.Random(3)
    service.lose_answer = lambda request: dice.random() < 0.3
    assert batch.work(service).state == "done"
    assert len(service.jobs) == 30


def test_the_canary_goes_alone_and_stops_the_batch_where_none_of_it_succeeds(a_batch):
    batch, service = a_batch(50), FakeService(lambda uri, number: Outcome.REJECTED)
    batch.order(policy={"canary": 3})
    ended = batch.work(service)
    assert ended.state == "stopped"
    assert "none of the first 3 documents succeeded: SomeError: it did not work" in ended.why
    assert len(service.jobs) == 3
    batch, service = (
        a_batch(50),
        FakeService(lambda uri, number: Outcome.REJECTED if uri.endswith("/1.pdf") else Outcome.SUCCEEDED),
    )
    batch.order(policy={"canary": 3})
    assert batch.work(service).state == "done"
    assert len(service.jobs) == 50


def test_rejections_in_a_row_and_failing_fast_stop_the_batch(a_batch):
    batch, service = a_batch(100), FakeService(lambda uri, number: Outcome.REJECTED)
    batch.order(policy={"max_consecutive_rejections": 5})
    assert batch.work(service).state == "stopped"
    assert len(service.jobs) <= 5 + 8
    batch, service = a_batch(100), FakeService(lambda uri, number: Outcome.BROKEN)
    batch.order(policy={"fail_fast": True, "tolerated_failures": 2}, max_retries_per_document=0)
    ended = batch.work(service)
    assert ended.state == "stopped"
    assert "tolerated are 2" in ended.why
    assert len(service.jobs) <= 3 + 8


def test_a_portion_ends_with_documents_remaining_and_a_clear_begins_another(a_batch):
    batch, service = a_batch(30), FakeService()
    batch.order(max_documents=12)
    assert batch.work(service).state == "portion"
    assert len(service.jobs) == 12
    batch.retry()
    assert batch.work(service).state == "portion"
    assert len(service.jobs) == 12
    batch.clear()
    assert batch.work(service).state == "portion"
    assert len(service.jobs) == 24
    batch, service = a_batch(30), FakeService()
    batch.order(submit_until=time.time() - 1)
    assert batch.work(service).state == "portion"
    assert service.jobs == {}


def test_after_the_deadline_nothing_more_is_submitted(a_batch):
    batch, service = a_batch(30), FakeService(lambda uri, number: None)
    batch.order(deadline=time.time() + 0.3)
    ended = batch.work(service)
    assert ended.state == "deadline"
    assert len(service.jobs) == 8
    for job in service.jobs.values():
        job["outcome"] = Outcome.SUCCEEDED
    batch.retry(deadline=time.time() + LIMIT)
    service.outcome_of = lambda uri, number: Outcome.SUCCEEDED
    assert batch.work(service).state == "done"
    assert len(service.jobs) == 30


def test_what_was_refused_before_submit_is_never_submitted(a_batch):
    batch, service = a_batch(3, rejection="empty: 0 bytes"), FakeService()
    batch.order()
    assert batch.work(service).state == "done"
    assert service.submits == []
    assert {row["error_message"] for row in batch.rows.values()} == {"empty: 0 bytes"}


async def _killed(batch, service, moment):
    """Run an engine and kill it so that nothing more of it happens: no flush, no last word."""
    engine = batch.engine(service)
    alive = {"yes": True}
    put = batch.store.put

    async def dead(*arguments, **more):
        if not alive["yes"]:
            await asyncio.sleep(3600)
        return await put(*arguments, **more)

    living = {name: getattr(batch.store, name) for name in ("get", "list", "etag")}
    engine.store = engine.writer._store = type("Dying", (), {**living, "put": staticmethod(dead)})()
    task = asyncio.create_task(engine.run())
    await asyncio.wait({task}, timeout=moment)
    alive["yes"] = False
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    return None if task.cancelled() else task.result()


@pytest.mark.parametrize("seed", range(6))
def test_killed_again_and_again_every_document_is_done_once(a_batch, seed, monkeypatch):
    monkeypatch.setattr(
        "asyncio.timeout",
        lambda seconds, real=asyncio.timeout: real(min(seconds, 0.01) if seconds == 5.0 else seconds),
    )
    dice = random.Random(seed)
    batch = a_batch(200, segment=50)
    service = FakeService(
        lambda uri, number: Outcome.BROKEN if drawn(uri, number, seed) % 20 == 0 else Outcome.SUCCEEDED,
        seconds=0.004,
    )
    batch.order(max_retries_per_document=5)

    async def main():
        async with asyncio.timeout(LIMIT):
            for _ in range(20):
                await _killed(batch, service, dice.uniform(0.0, 0.05))
            return await batch.engine(service).run()

    assert asyncio.run(main()).state == "done"
    assert statuses(batch) == ["succeeded"] * 200
    broken = sum(job["outcome"] is Outcome.BROKEN for job in service.jobs.values())
    assert len(service.jobs) == 200 + broken
    assert sum(row["jobs"] for row in batch.rows.values()) == len(service.jobs)


def test_two_engines_at_once_buy_nothing_twice(a_batch):
    batch, service = a_batch(150, segment=40), FakeService(seconds=0.01)
    batch.order()

    async def main():
        async with asyncio.timeout(LIMIT):
            return await asyncio.gather(*(batch.engine(service).run() for _ in range(2)))

    assert [ended.state for ended in asyncio.run(main())] == ["done", "done"]
    assert len(service.jobs) == 150
    assert statuses(batch) == ["succeeded"] * 150


def test_an_engine_that_comes_later_takes_over_what_the_first_has_begun(a_batch):
    batch, service = a_batch(100), FakeService(seconds=0.02, remembers=False)
    batch.order()

    async def main():
        async with asyncio.timeout(LIMIT):
            first = asyncio.create_task(batch.engine(service).run())
            await asyncio.sleep(0.1)
            return await asyncio.gather(first, batch.engine(service).run())

    asyncio.run(main())
    assert statuses(batch) == ["succeeded"] * 100


def test_an_engine_that_cannot_write_its_ledger_submits_nothing_and_says_why(a_batch):
    batch, service = a_batch(10), FakeService()
    batch.order()
    batch.store.fail = lambda operation, uri: (
        StoreError("s3://documents/out: AccessDenied", "AccessDenied")
        if operation == "put" and "/ledger/" in uri
        else None
    )
    with pytest.raises(StoreError, match="AccessDenied"):
        batch.work(service)
    assert service.jobs == {}


def test_a_mistake_in_one_document_ends_the_engine_loudly(a_batch):
    batch, service = a_batch(10), FakeService()
    batch.order()

    async def broken(uri):
        raise RuntimeError("a mistake of ours")

    service.custom_output_status = broken
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        batch.work(service)


def test_the_ledger_replays_to_the_same_rows_in_any_order(a_batch):
    def outcome(uri, number):
        return [Outcome.SUCCEEDED, Outcome.BROKEN, Outcome.REJECTED][drawn(uri, number) % 3]

    batch, service = a_batch(60), FakeService(outcome)
    batch.order(max_retries_per_document=3)
    batch.work(service)
    batch.clear()
    batch.work(service)
    bodies = [body for uri, body in batch.store.objects.items() if "/ledger/" in uri]
    records = [record for body in bodies for record in parse(body)]
    dice = random.Random(1)
    seen = set()
    for _ in range(5):
        dice.shuffle(records)
        segment = Segment(60)
        for record in [*records, *records[:20]]:
            segment.add(record)
        seen.add(tuple(str(row_of(document, segment.state(n))) for n, document in enumerate(batch.documents)))
    assert len(seen) == 1
    assert lines(parse(bodies[0])) == bodies[0]


def test_a_plan_of_a_newer_release_is_refused(a_batch):
    batch = a_batch(1)
    batch.order()
    batch.store.objects[batch.layout.plan] = batch.store.objects[batch.layout.plan].replace(
        b'"format": 1', b'"format": 2'
    )
    with pytest.raises(ValueError, match="newer release"):
        batch.work(FakeService())


def test_requests_of_documents_differ_where_they_are_told_to(a_batch):
    batch, service = a_batch(2), FakeService()
    overrides = {
        "project": "arn:p",
        "project_stage": "DEVELOPMENT",
        "tags": {"a": "b"},
        "video_segment": [0, 300000],
    }
    batch.documents[1] = replace(batch.documents[1], overrides=overrides)
    again = type(batch)(batch.store, batch.layout, batch.documents)
    again.order(request={"dataAutomationProfileArn": "arn:profile", "tags": [{"key": "c", "value": "d"}]})
    again.work(service)
    plain, own = service.submits
    assert plain["tags"] == [{"key": "c", "value": "d"}]
    assert own["dataAutomationConfiguration"] == {"dataAutomationProjectArn": "arn:p", "stage": "DEVELOPMENT"}
    assert own["tags"] == [{"key": "a", "value": "b"}, {"key": "c", "value": "d"}]
    assert own["inputConfiguration"]["assetProcessingConfiguration"]["video"]
    assert plain["clientToken"] != own["clientToken"]


def test_the_log_is_told_how_far_it_is(a_batch):
    batch, service = a_batch(40), FakeService(seconds=0.05)
    batch.order()
    batch.work(service, log_interval=0.05)
    assert any("of 40 documents done" in said and "running" in said for said in batch.said)
    assert len(batch.progress["history"]) > 2


def test_what_is_left_to_another_batch_is_skipped_for_that_run(a_batch):
    batch, service = a_batch(3), FakeService(lambda uri, number: Outcome.REJECTED)
    batch.order()
    batch.work(service)
    batch.clear()
    skip = {"k": "skip", "i": 1, "r": 1, "words": "another batch has it"}
    batch.store.objects[f"{batch.layout.ledger(0)}x.jsonl"] = lines([skip])
    service.outcome_of = lambda uri, number: Outcome.SUCCEEDED
    batch.work(service)
    assert statuses(batch) == ["succeeded", "skipped", "succeeded"]
    assert batch.progress["skipped"] == 1
    batch.clear()
    batch.work(service)
    assert statuses(batch) == ["succeeded"] * 3


def test_of_a_portion_no_document_is_left_half_done(a_batch):
    batch, service = (
        a_batch(10),
        FakeService(lambda uri, number: Outcome.SUCCEEDED if number else Outcome.BROKEN),
    )
    batch.order(max_documents=4)
    assert batch.work(service).state == "portion"
    assert statuses(batch) == ["succeeded"] * 4
    assert len(service.jobs) == 8


def test_a_job_that_is_lost_for_good_goes_again_only_after_a_clear(a_batch):
    batch, service = (
        a_batch(2),
        FakeService(lambda uri, number: Outcome.SUCCEEDED if number else Outcome.LOST),
    )
    batch.order()
    batch.work(service)
    batch.retry()
    batch.work(service)
    assert statuses(batch) == ["failed", "failed"]
    assert len(service.jobs) == 2
    batch.clear()
    batch.work(service)
    assert statuses(batch) == ["succeeded", "succeeded"]
    assert len(service.jobs) == 4


def test_very_many_different_reasons_are_counted_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(policy_module, "MOST_REASONS", 3)
    tally = policy_module.Tally(10)
    for number in range(10):
        tally.end("failed", "E", f"words {number}")
    assert (len(tally.reasons), sum(tally.reasons.values())) == (4, 10)


@pytest.mark.parametrize("redo", [["rejected"], ["rejected", "succeeded"]], ids=["failed", "all"])
def test_the_retry_of_a_clear_goes_on_with_what_the_clear_was_to_do(a_batch, redo):
    batch, service = a_batch(30, segment=10), FakeService(lambda uri, number: Outcome.REJECTED)
    batch.order()
    batch.work(service)
    service.outcome_of = lambda uri, number: Outcome.SUCCEEDED
    batch.clear(redo=redo, max_documents=4)
    assert batch.work(service).state == "portion"
    batch.retry(max_documents=None)
    assert batch.work(service).state == "done"
    assert statuses(batch) == ["succeeded"] * 30
    assert set(service.bought().values()) == {2}


def test_a_retry_after_the_canary_broke_tries_the_canary_again(a_batch):
    batch, service = a_batch(20), FakeService(lambda uri, number: Outcome.BROKEN)
    batch.order(policy={"canary": 2}, max_retries_per_document=0)
    assert batch.work(service).state == "stopped"
    service.outcome_of = lambda uri, number: Outcome.SUCCEEDED
    batch.retry()
    assert batch.work(service).state == "done"
    assert statuses(batch) == ["succeeded"] * 20


def test_a_retry_of_a_full_portion_does_its_broken_documents_again_and_no_others(a_batch):
    batch, service = a_batch(20), FakeService(lambda uri, number: Outcome.BROKEN)
    batch.order(max_documents=4, max_retries_per_document=0)
    assert batch.work(service).state == "portion"
    service.outcome_of = lambda uri, number: Outcome.SUCCEEDED
    batch.retry()
    assert batch.work(service).state == "portion"
    assert statuses(batch) == ["succeeded"] * 4
    assert len(service.jobs) == 8


def test_a_status_that_may_not_be_read_stops_the_batch_and_loses_no_job(a_batch):
    batch, service = a_batch(100), FakeService()
    batch.order()
    wait = service.wait

    async def refused(arn, **more):
        event = await wait(arn, **more)
        return replace(
            event, outcome=Outcome.LOST, error_type="AccessDeniedException", error_message="not yours"
        )

    service.wait = refused
    ended = batch.work(service)
    assert ended.state == "refused"
    assert "the status of jobs cannot be read: AccessDeniedException: not yours" in ended.why
    assert len(service.jobs) <= 2 * 8
    service.wait = wait
    batch.retry()
    assert batch.work(service).state == "done"
    assert len(service.jobs) == 100


def test_a_document_that_alone_is_forbidden_is_rejected_and_holds_up_nobody(a_batch, monkeypatch):
    monkeypatch.setattr("asyncio.sleep", _short(asyncio.sleep))
    batch, service = a_batch(60), FakeService(seconds=0.02)
    batch.order()
    service.refuse = lambda request: (
        refusal("AccessDeniedException", "not this one")
        if request["inputConfiguration"]["s3Uri"].endswith("/7.pdf")
        else None
    )
    assert batch.work(service).state == "done"
    assert statuses(batch) == ["succeeded"] * 7 + ["rejected"] + ["succeeded"] * 52


def test_an_engine_held_up_submits_nothing_that_another_has_done_meanwhile(a_batch):
    batch, service = a_batch(100), FakeService(remembers=False)
    batch.order()

    async def main():
        async with asyncio.timeout(LIMIT):
            slow = batch.engine(service, budget_for=lambda modality, limit: Budget(limit))
            gate = asyncio.Event()
            submit = slow.service.submit

            class Held:
                """The service as the slow engine meets it: it comes to its second chunk only when the other is done."""

                wait = staticmethod(service.wait)
                custom_output_status = staticmethod(service.custom_output_status)
                count = 0

                async def submit(self, request):
                    Held.count += 1
                    if Held.count > 8:
                        await gate.wait()
                    return await submit(request)

            held = Held()
            slow.service = held
            first = asyncio.create_task(slow.run())
            await asyncio.sleep(0.3)
            await batch.engine(service).run()
            gate.set()
            return await first

    asyncio.run(main())
    assert statuses(batch) == ["succeeded"] * 100
    # What it had announced when it was held up is all that may be bought twice, by a service that forgets tokens.
    assert len(service.jobs) <= 100 + engine_module.CHUNK
