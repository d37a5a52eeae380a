"""What stands on S3 once a batch has ended: whole files, counts that add up, and no value of any document."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise

import pytest

from airflow_provider_bda.batch import _files, finish
from airflow_provider_bda.batch.durations import Durations
from airflow_provider_bda.batch.finish import finish_batch
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.reason import (
    Reason,
    Reasons,
    closing_lines,
    commonest_failure,
    commonest_of,
    reason_of,
)
from airflow_provider_bda.batch.results import iter_results
from airflow_provider_bda.batch.rows import Row
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BdaError, BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook


@pytest.fixture
def finished(aws, a_batch):
    def finished(**options):
        return finish_batch(BdaBaseHook(), a_batch.uri, **options)

    return finished


@pytest.fixture
def s3_calls(monkeypatch):
    """The calls that finishing makes."""
    calls = []

    def s3_of(hook):
        client = _files.s3_of(hook)
        client.meta.events.register("before-call.s3", lambda model, **_: calls.append(model.name))
        return client

    monkeypatch.setattr(finish, "s3_of", s3_of)
    return calls


def lines(body):
    return [json.loads(line) for line in body.splitlines()]


def without_time(summary):
    return {name: value for name, value in summary.items() if name != "finished_at"}


def test_a_batch_of_jobs_that_ran_ends_as_three_files(aws, a_batch, blueprint, finished, stored):
    """Two fields, one of them in one document of two; a job the service blames on the input, one refused before."""
    both = a_batch.run(
        "both", "Invoice number: SECRET-7\nOrder number: 8\n", [blueprint], custom_output_status=("MATCH",)
    )
    one = a_batch.run("one", "Invoice number: SECRET-9\n", [blueprint], custom_output_status=("MATCH",))
    aws.fault(
        Fault(
            operation="Invoke*", job_status="ClientError", error_type="BadInput", message="page 3 of in/x.pdf"
        )
    )
    bad = a_batch.run("bad")
    refused = a_batch.made("refused", "rejected", error_type="unsupported", error_message="a .zip")
    known = a_batch.made("known", "skipped", jobs=4, seconds=99.0)
    a_batch.part(0, both, one)
    a_batch.part(1, bad, refused, known)

    summary = finished(cost_per_job_usd=0.04)

    assert json.loads(stored(a_batch.layout.summary)) == summary
    assert {
        name: summary[name]
        for name in ("total", "succeeded", "failed", "rejected", "skipped", "jobs_submitted")
    } == {
        "total": 5,
        "succeeded": 2,
        "failed": 0,
        "rejected": 2,
        "skipped": 1,
        "jobs_submitted": 3,
    }
    assert summary["reasons"] == [
        {"reason": "BadInput: page <n> of <file>", "documents": 1, "helps": "clear"},
        {"reason": "unsupported: a .zip", "documents": 1, "helps": "clear"},
    ]
    assert summary["other_reasons"] == 0
    assert summary["custom_output_status"] == {"MATCH": 2}
    assert summary["seconds"]["running"] == {"count": 3, "median": 10.0, "p95": 10.0, "max": 10.0}
    assert summary["seconds"]["queued"] == {"count": 3, "median": 2.0, "p95": 2.0, "max": 2.0}
    assert summary["estimated_cost_usd"] == 0.12
    assert summary["pages"] == {"count": 2, "documents": 2}
    assert summary["bodies"] == {
        "succeeded": 2, "read": 2, "unreadable": 0, "unreadable_why": None, "sampled": False, "view": "auto",
    }  # fmt: skip
    (figures,) = summary["blueprints"]
    assert (figures["arn"].split(":")[-1], figures["name"]) == (blueprint.split(":")[-1], "an-invoice")
    assert (figures["segments"], figures["match_rate"]) == (2, 1.0)
    assert figures["fields"]["invoice_number"]["fill_rate"] == 1.0
    assert figures["fields"]["order_number"]["fill_rate"] == 0.5
    assert (
        0
        < figures["fields"]["invoice_number"]["lowest_confidence"]
        <= figures["fields"]["invoice_number"]["mean_confidence"]
        <= 1
    )
    assert [row["document_id"] for row in lines(stored(a_batch.layout.results))] == [
        "both",
        "one",
        "bad",
        "refused",
        "known",
    ]
    assert [row["document_id"] for row in lines(stored(a_batch.layout.failures))] == ["bad", "refused"]
    for uri in (a_batch.layout.summary, a_batch.layout.results, a_batch.layout.failures):
        assert b"SECRET" not in stored(uri)


def test_each_row_says_which_blueprint_made_it_and_says_it_in_its_part(
    aws, a_batch, blueprint, finished, stored
):
    a_batch.part(0, a_batch.run("a", blueprints=[blueprint]), a_batch.run("b"), a_batch.made("c", "failed"))
    finished()
    with_blueprint, without, failed = iter_results(a_batch.uri)
    assert (with_blueprint.blueprint_name, with_blueprint.blueprint_arn, with_blueprint.pages) == (
        "an-invoice",
        blueprint,
        1,
    )
    assert (without.blueprint_arn, without.pages, failed.blueprint_arn) == (None, 1, None)
    assert [Row.from_json(row) for row in lines(stored(a_batch.layout.results))] == [
        with_blueprint,
        without,
        failed,
    ]


def test_a_split_document_names_every_blueprint(aws, a_batch, finished):
    """Two segments of different blueprints, one with a list, as the service writes them."""
    arn = "arn:aws:bedrock:us-east-1:1:data-automation-invocation/j"

    def output(blueprint, pages, result):
        return {
            "matched_blueprint": {
                "arn": f"arn:{blueprint}",
                "name": blueprint,
                "version": "2",
                "confidence": 0.5,
            },
            "split_document": {"page_indices": pages},
            "inference_result": result,
            "explainability_info": [
                {"total": {"success": True, "type": "number", "value": 1, "confidence": 0.25}}
            ],
        }

    segments = []
    for number, body in enumerate(
        [
            output("first", [0, 1], {"total": 1, "lines": [{"x": "y"}, {"x": ""}]}),
            output("second", [2], {"total": 1, "lines": []}),
            output("first", [3], {"total": "", "lines": []}),
        ]
    ):
        uri = f"s3://documents/out/j/0/custom_output/{number}/result.json"
        a_batch.put(uri, json.dumps(body).encode())
        segments.append({"custom_output_path": uri, "custom_output_status": "MATCH"})
    segments.append(
        {"custom_output_status": "NO_MATCH", "standard_output_path": "s3://documents/out/j/s.json"}
    )
    a_batch.put(
        "s3://documents/out/j/s.json",
        b'{"document": {"text": "\\"number_of_pages\\": 77"}, "metadata": {"number_of_pages": 3}}',
    )
    meta = {
        "job_id": "j",
        "semantic_modality": "DOCUMENT",
        "output_metadata": [{"segment_metadata": segments}],
    }
    a_batch.put("s3://documents/out/j/job_metadata.json", json.dumps(meta).encode())
    a_batch.part(
        0, a_batch.made("a", invocation_arn=arn, output_s3_uri="s3://documents/out/j/job_metadata.json")
    )

    summary = finished()

    (row,) = iter_results(a_batch.uri)
    assert (row.blueprint_arn, row.blueprint_version, row.other_blueprints) == (
        "arn:first",
        "2",
        ("arn:second:2",),
    )
    assert row.pages == 2 + 1 + 1 + 3
    first, second = summary["blueprints"]
    assert (first["name"], first["segments"], first["match_rate"], first["mean_confidence"]) == (
        "first",
        2,
        0.5,
        0.5,
    )
    assert first["fields"] == {
        "total": {"fill_rate": 0.5, "mean_confidence": 0.25, "lowest_confidence": 0.25},
        "lines[].x": {"fill_rate": 0.5, "mean_confidence": None, "lowest_confidence": None},
    }
    assert (second["name"], second["match_rate"]) == ("second", 0.25)
    assert second["fields"]["lines"]["fill_rate"] == 0.0


def test_the_redacted_twin_is_read_where_there_is_one(aws, a_batch, blueprint, finished):
    row = a_batch.run("a", blueprints=[blueprint])
    folder = f"{row.output_s3_uri.rsplit('/', 1)[0]}/0/custom_output/0"
    redacted = {
        "matched_blueprint": {"arn": "arn:r", "name": "redacted"},
        "inference_result": {"invoice_number": "[NAME]"},
    }
    a_batch.put(f"{folder}/redacted/result.json", json.dumps(redacted).encode())
    a_batch.part(0, row)
    assert [each["name"] for each in finished()["blueprints"]] == ["redacted"]
    assert [each["name"] for each in finished(view="full")["blueprints"]] == ["an-invoice"]


def test_finishing_again_changes_nothing(aws, a_batch, blueprint, finished, stored, s3_calls):
    a_batch.part(
        0,
        {**a_batch.run("a", blueprints=[blueprint]).to_json(), "of_tomorrow": 1},
        a_batch.made("b", "failed"),
    )
    files = (a_batch.layout.part(0), a_batch.layout.results, a_batch.layout.failures)
    first = finished()
    before = [stored(uri) for uri in files]
    s3_calls.clear()
    assert without_time(finished()) == without_time(first)
    assert [stored(uri) for uri in files] == before
    assert json.loads(before[0].splitlines()[0])["of_tomorrow"] == 1
    assert s3_calls.count("PutObject") == 3  # the three files, and no part


def test_after_a_clear_it_counts_what_is_there_then(aws, a_batch, finished, stored):
    a_batch.part(0, a_batch.made("a", "failed"))
    finished()
    a_batch.part(0, a_batch.run("a"))
    assert finished()["succeeded"] == 1
    assert stored(a_batch.layout.failures) == b""


def test_a_body_that_is_none_is_counted_and_stops_nothing(aws, a_batch, blueprint, finished):
    row = a_batch.run("a", blueprints=[blueprint])
    a_batch.part(0, row)
    a_batch.put(row.output_s3_uri, b"{not json")
    bodies = finished()["bodies"]
    assert (bodies["read"], bodies["unreadable"]) == (0, 1)
    assert bodies["unreadable_why"].startswith("it is not what")
    (told,) = iter_results(a_batch.uri)
    assert told.blueprint_unknown.startswith("unreadable: it is not what")
    assert dataclasses.replace(told, blueprint_unknown=None) == row


def test_a_body_that_may_not_be_read_is_counted_and_stops_nothing(aws, a_batch, blueprint, finished):
    a_batch.part(0, a_batch.run("a", blueprints=[blueprint]))
    aws.fault(
        Fault(operation="s3:GET", error="AccessDenied", status=403, after=3)
    )  # a list, and the part twice
    bodies = finished()["bodies"]
    assert (bodies["read"], bodies["unreadable"], bodies["unreadable_why"]) == (0, 1, "AccessDenied")


def test_where_no_body_can_be_read_the_rest_is_left_alone(aws, a_batch, finished, monkeypatch):
    monkeypatch.setattr(finish, "_HOPELESS", 5)
    monkeypatch.setattr(finish, "_WINDOW", 2)
    rows = (
        a_batch.made(str(number), output_s3_uri=f"s3://documents/gone/{number}/job_metadata.json")
        for number in range(40)
    )
    a_batch.part(0, *rows)
    assert finished()["bodies"]["unreadable"] in range(5, 8)


def test_of_very_many_an_evenly_spaced_sample_is_read_and_the_other_rows_say_why_they_name_no_blueprint(
    aws, a_batch, blueprint, finished, stored, monkeypatch
):
    monkeypatch.setattr(finish, "READ_ALL", 20)
    monkeypatch.setattr(finish, "SAMPLE", 7)
    row = a_batch.run("a", blueprints=[blueprint])
    for number in range(5):
        a_batch.part(number, *[row] * 5, a_batch.made(f"failed-{number}", "failed"))
    summary = finished()
    assert (summary["bodies"]["sampled"], summary["bodies"]["succeeded"], summary["bodies"]["read"]) == (
        True,
        25,
        7,
    )
    assert summary["blueprints"][0]["segments"] == 7
    rows = list(iter_results(a_batch.uri))
    named = [row for row in rows if row.blueprint_arn]
    assert (len(rows), len(named), {row.blueprint_unknown for row in named}) == (30, 7, {None})
    whys = {row.blueprint_unknown for row in rows if row.status == "succeeded" and not row.blueprint_arn}
    assert whys == {finish.NOT_IN_SAMPLE}
    assert {row.blueprint_unknown for row in rows if row.status == "failed"} == {None}
    finished()
    assert list(iter_results(a_batch.uri)) == rows


@pytest.mark.parametrize("succeeded", [2_001, 20_001, 123_457])
def test_the_sample_is_as_large_as_it_says_and_evenly_spaced(succeeded, monkeypatch):
    monkeypatch.setattr(finish, "READ_ALL", 2_000)
    reader = finish._Reader(None, succeeded, "auto")
    row = {"status": "succeeded", "output_s3_uri": "s3://b/k"}
    taken = [at for at in range(succeeded) if reader._why_not(row) is None]
    assert len(taken) == finish.SAMPLE
    gaps = {after - before for before, after in pairwise(taken)}
    assert max(gaps) - min(gaps) <= 1


def test_large_files_go_up_in_parts_and_arrive_whole(aws, a_batch, finished, stored, s3_calls, monkeypatch):
    monkeypatch.setattr(_files, "PART_BYTES", 5 * 1024 * 1024)
    rows = [a_batch.made(str(number), "failed", extra={"x": "y" * 5_000}) for number in range(2_500)]
    a_batch.part(0, *rows)
    finished()
    assert [Row.from_json(row) for row in lines(stored(a_batch.layout.results))] == rows
    assert s3_calls.count("UploadPart") == 2 * 3  # results and failures


def test_a_file_that_cannot_be_written_leaves_no_half_of_it(aws, a_batch, finished, stored, s3, monkeypatch):
    monkeypatch.setattr(_files, "PART_BYTES", 5 * 1024 * 1024)
    a_batch.part(0, *(a_batch.made(str(number), extra={"x": "y" * 5_000}) for number in range(2_500)))
    aws.fault(Fault(operation="s3:PUT", error="AccessDenied", status=403, after=1))
    with pytest.raises(BdaError, match=r"could not write s3://documents/.*results.jsonl: AccessDenied"):
        finished()
    assert stored(a_batch.layout.results) is None
    assert stored(a_batch.layout.summary) is None
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="documents")


def test_a_part_an_engine_still_writes_is_not_overwritten(
    aws, a_batch, blueprint, stored, finished, monkeypatch
):
    a_batch.part(0, a_batch.run("a", blueprints=[blueprint]))
    swap = finish.swap

    def too_late(*arguments, **more):
        a_batch.part(0, a_batch.made("b"))
        return swap(*arguments, **more)

    monkeypatch.setattr(finish, "swap", too_late)
    with pytest.raises(BdaError, match="an engine still works on the batch"):
        finished()
    assert lines(stored(a_batch.layout.part(0)))[0]["document_id"] == "b"


def test_a_part_replaced_by_a_call_whose_answer_was_lost_is_no_conflict(aws, a_batch, stored):
    a_batch.part(0, a_batch.made("a"))
    s3 = _files.s3_of(BdaBaseHook())
    with _files.copy_of(s3, a_batch.layout.part(0)) as (copy, _):
        assert _files.swap(s3, a_batch.layout.part(0), copy.read(), '"of the version before"')


def test_an_empty_batch_ends_too(aws, a_batch, finished, stored):
    summary = finished()
    assert (summary["total"], summary["blueprints"]) == (0, [])
    assert summary["seconds"]["running"] == {"count": 0, "median": None, "p95": None, "max": None}
    assert stored(a_batch.layout.results) == b""


def test_no_batch_is_an_error(aws, a_batch):
    with pytest.raises(BdaInputError, match="there is no batch"):
        finish_batch(BdaBaseHook(), "s3://documents/out/_batches/another")


def test_what_is_written_carries_the_tags_it_is_given(aws, a_batch, finished, s3):
    a_batch.part(0, a_batch.made("a"))
    finished(put={"Tagging": "team=invoices"})
    for uri in (a_batch.layout.results, a_batch.layout.summary):
        tags = s3.get_object_tagging(Bucket="documents", Key=uri.removeprefix("s3://documents/"))["TagSet"]
        assert tags == [{"Key": "team", "Value": "invoices"}]


# --- reasons ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("The object s3://a/b/c.pdf is missing.", "The object <uri> is missing."),
        ("Blueprint arn:aws:bedrock:us-east-1:1:blueprint/x, version 3", "Blueprint <arn>, version <n>"),
        ("Job 3b0c8b0e-6c67-4a5c-9b1e-111122223333 failed", "Job <id> failed"),
        ("'in/2026/07/scan 7.PDF' has 3,001 pages", "'in/<n>/<n>/scan <file>' has <n> pages"),
        ("request 9F8A7B6C5D4E3F2A failed after 12.5 s", "request <id> failed after <n> s"),
        ("several\nlines", "several lines"),
        (None, ""),
    ],
)
def test_what_differs_between_documents_is_no_part_of_the_reason(message, expected):
    assert reason_of("T", message) == (f"T: {expected}" if expected else "T")


def test_no_reason_is_said_to_be_none():
    assert reason_of(None, "") == "no reason was given"


def undone(status, error_type, message=None):
    return Row(
        document_id="a", input_s3_uri="s3://b/k", status=status, error_type=error_type, error_message=message
    )


def test_the_commonest_reason_has_its_count_and_what_helps():
    rows = [
        undone("rejected", "ClientError", "page 1"),
        undone("failed", "ServiceError", "try 1"),
        undone("failed", "ServiceError", "try 2"),
        undone("succeeded", None),
    ]
    assert commonest_failure(rows) == ("ServiceError: try <n>", 2, "retry")
    assert commonest_failure(rows[:1]) == Reason("ClientError: page <n>", 1, "clear")
    assert commonest_failure(rows[3:]) is None


def test_too_many_different_reasons_are_counted_together():
    reasons = Reasons()
    for number in range(1_100):
        reasons.add(undone("failed", "".join(chr(97 + int(digit)) for digit in str(number))))
    assert (len(reasons.commonest(2_000)), reasons.other) == (1_000, 100)


def test_the_summary_knows_the_commonest_reason_too(aws, a_batch, finished):
    a_batch.part(0, a_batch.made("a", "failed", error_type="ServiceError"))
    assert commonest_of(finished()) == Reason("ServiceError", 1, "retry")


def test_the_closing_lines_say_reason_help_and_place():
    layout = BatchLayout("s3://b/_batches/x")
    first, second, third = closing_lines(Reason("T: x", 1_200, "retry"), layout)
    assert first == "The commonest reason (1,200 documents): T: x"
    assert second.startswith("A retry of the task does these again")
    assert layout.failures in third
    assert closing_lines(Reason("T", 1, "clear"), layout)[1].startswith(
        "A retry passes these over. Mend the cause"
    )


# --- durations -------------------------------------------------------------------------------------


def test_durations_are_exact_to_three_digits_in_little_memory():
    durations = Durations()
    for number in range(1, 100_001):
        durations.add(number / 7)
    told = durations.to_json()
    assert told["count"] == 100_000
    assert told["median"] == pytest.approx(50_000 / 7, rel=0.005)
    assert told["p95"] == pytest.approx(95_000 / 7, rel=0.005)
    assert told["max"] == pytest.approx(100_000 / 7, abs=0.001)
    assert len(durations._counts) < 6_000


def test_the_quantiles_of_a_few_are_some_of_them():
    durations = Durations()
    for seconds in (1.0, 2.0, 30.0, -5.0):
        durations.add(seconds)
    assert durations.to_json() == {"count": 4, "median": 1.0, "p95": 30.0, "max": 30.0}
