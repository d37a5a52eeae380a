"""What the routes answer, over runs that really ran."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from tests.ui.conftest import forget, set_state

# The first to come sets up a database, runs and an api-server: a minute on a busy machine.
pytestmark = pytest.mark.timeout(600)

TASK = "/bda/api/dags/{}/task"


def get(client, dag_id, route, run, task_id="extract", **more):
    answer = client.get(
        f"/bda/api/dags/{dag_id}/{route}", params={"run_id": run.run_id, "task_id": task_id, **more}
    )
    assert answer.status_code == 200, answer.text
    return answer


def test_the_overview_shows_batches_and_jobs_newest_first(ui, ada):
    answer = ada.get("/bda/api/overview").json()
    rows = {(row["dag_id"], row["task_id"]): row for row in answer["rows"]}
    assert list(rows)[-1] == ("open_dag", "extract")
    assert set(rows) == {
        ("open_dag", "extract"),
        ("secret_dag", "extract"),
        *(("batch_dag", task) for task in ("finished", "portion", "stopped", "half")),
        *(("made_dag", task) for task in ("whole", "part")),
    }
    jobs = rows["open_dag", "extract"]
    assert (jobs["kind"], jobs["state"], jobs["succeeded"], jobs["failed"], jobs["total"]) == (
        "jobs",
        "failed",
        7,
        1,
        8,
    )
    assert answer["totals"]["total"] == 8 + 1 + 12 + 6 + 6 + 13 + 2_500 + 20_000
    assert answer["totals"]["tasks"]["running"] == 2
    assert answer["unknown"] == 0


@pytest.mark.parametrize(
    ("task", "state", "ending", "numbers"),
    [
        ("finished", "succeeded", None, {(12, 9, 0, 3, 0, 0, 0)}),
        ("portion", "succeeded", "portion", {(6, 2, 0, 0, 0, 0, 4)}),
        # A document may be under way by then, or none.
        ("stopped", "failed", "stopped", {(6, 1, 0, 3, 0, 0, 2), (6, 0, 0, 3, 0, 0, 3)}),
        ("half", "running", None, {(13, 6, 0, 1, 4, 2, 0)}),
    ],
)
def test_how_a_batch_goes_and_ends_is_said(ui, ada, task, state, ending, numbers):
    names = ("total", "succeeded", "failed", "rejected", "running", "waiting", "remaining")
    (row,) = (row for row in ada.get("/bda/api/overview").json()["rows"] if row["task_id"] == task)
    assert (row["kind"], row["state"], row["ending"]) == ("batch", state, ending)
    told = tuple(row[name] for name in names)
    assert told in numbers
    shown = get(ada, "batch_dag", "task", ui.batches, task).json()
    assert (shown["state"], shown["ending"]) == (state, ending)
    assert tuple(shown[name] for name in names) == told


def test_why_a_batch_went_no_further_is_said(ui, ada):
    said = {
        task: get(ada, "batch_dag", "task", ui.batches, task).json()["why"]
        for task in ("finished", "portion", "stopped", "half")
    }
    assert said == {
        "finished": None,
        "portion": "2 documents were begun, which is the limit set",
        "stopped": "2 documents in a row were rejected",
        "half": None,
    }


@pytest.mark.parametrize(
    ("task", "engine", "ending"),
    [
        ("success", "portion", "portion"),
        ("failed", "refused", "refused"),
        ("failed", "deadline", "deadline"),
        ("failed", "running", "interrupted"),
        ("failed", "done", None),
        ("deferred", "running", None),
        ("deferred", "done", "finishing"),
        ("up_for_retry", "refused", "refused"),
    ],
)
def test_every_end_of_an_engine_has_its_word(ui, ada, task, engine, ending):
    """The files are those of a real engine; only its last word and the task's state are made up."""
    from airflow_provider_bda.ui import monitor
    from airflow_provider_bda.ui.airflow_data import Group

    told = ui.batches.xcom("half", "bda_batch")
    group = Group("batch_dag", ui.batches.run_id, "half", datetime.now(UTC), -1, {task: 1}, batch=told)
    status = {**monitor.batch_status(group), "state": engine}
    row = monitor._batch_row(group, status)
    assert row["ending"] == ending
    undone = (row["running"] + row["waiting"], row["remaining"])
    assert undone == ((0, 6) if task in {"success", "failed"} else (6, 0))


def test_a_batch_that_has_said_nothing_yet_shows_what_was_planned(ui, ada):
    from airflow_provider_bda.ui.batches import Batch

    told = ui.batches.xcom("finished", "bda_batch")
    batch = Batch(told)
    s3 = ui.aws.client("s3")
    bucket, _, key = batch.layout.progress.removeprefix("s3://").partition("/")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.delete_object(Bucket=bucket, Key=key)
    try:
        assert batch.status(over=False) == {"total": 12, "rejected": 1, "skipped": 0, "waiting": 11}
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=body)
    forget()
    again = Batch(
        {**told, "started_at": told["started_at"] + 100}
    )  # a retry, of which nothing is written yet
    status = again.status(over=False)
    assert (status["succeeded"], status["total"], status.get("state")) == (9, 12, None)


@pytest.fixture
def slow_s3(ui, monkeypatch):
    """An S3 that takes longer to answer than an answer of ours may wait."""
    from airflow_provider_bda.ui import reading

    fetch = reading.Source.fetch

    def slowly(self, uri, limit=reading.MAX_FILE):
        time.sleep(0.2)
        return fetch(self, uri, limit)

    monkeypatch.setattr(reading.Source, "fetch", slowly)
    monkeypatch.setattr(reading, "BUDGET", 0.05)


def test_an_answer_does_not_wait_for_many_batches(ui, ada, slow_s3):
    first = ada.get("/bda/api/overview").json()
    assert first["unknown"] > 0
    assert len(first["rows"]) == 8
    deadline = time.monotonic() + 60
    while ada.get("/bda/api/overview").json()["unknown"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    rows = {row["task_id"]: row for row in ada.get("/bda/api/overview").json()["rows"]}
    assert rows["half"]["total"] == 13


def test_a_long_ledger_is_read_by_several_answers(ui, ada, slow_s3):
    seen = []
    deadline = time.monotonic() + 60
    while not seen or seen[-1]["unread"]:
        seen.append(get(ada, "batch_dag", "documents", ui.batches, "half").json())
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(seen) > 1
    assert seen[0]["total"] == seen[-1]["total"] == 13
    statuses = Counter(row["status"] for row in seen[-1]["rows"])
    assert statuses == {"succeeded": 6, "rejected": 1, "running": 4, "waiting": 2}


@pytest.mark.parametrize(
    ("query", "tasks"),
    [
        ("dag_id=batch_dag", {"finished", "portion", "stopped", "half"}),
        ("state=running", {"half", "part"}),
        ("q=HALF", {"half"}),
        ("q=secret", {"extract"}),
        ("hours=0.00001", set()),
        ("dag_id={DAG_ID}&q=half", {"half"}),
    ],
)
def test_the_overview_is_filtered(ui, ada, query, tasks):
    assert {row["task_id"] for row in ada.get(f"/bda/api/overview?{query}").json()["rows"]} == tasks


def test_a_runs_page_shows_it_however_old_it_is(ui, ada):
    rows = ada.get(
        "/bda/api/overview", params={"run_id": ui.secret.run_id, "dag_id": "secret_dag", "hours": 0.00001}
    ).json()["rows"]
    assert [row["task_id"] for row in rows] == ["extract"]


def test_unchanged_answers_are_304(ui, ada):
    first = ada.get("/bda/api/overview?dag_id=open_dag")
    again = ada.get("/bda/api/overview?dag_id=open_dag", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = ada.get("/bda/api/overview?dag_id=batch_dag", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200
    page = ada.get("/bda/static/main.js")
    assert ada.get("/bda/static/main.js", headers={"If-None-Match": page.headers["etag"]}).status_code == 304


def test_a_finished_batch_shows_failures_by_reason_durations_and_blueprints(ui, ada):
    shown = get(ada, "batch_dag", "task", ui.batches, "finished").json()
    assert [(entry["count"], entry["helps"]) for entry in shown["failures"]] == [(2, "clear"), (1, "clear")]
    assert shown["failures"][0]["reason"].startswith("InvalidFile: ")
    assert shown["failures"][1]["reason"] == "NotSubmitted: empty file: it has <n> bytes"
    assert shown["durations"] is None or sum(shown["durations"]["bins"]) == 9  # whole seconds, often 0 here
    assert (shown["pages"], shown["jobs_submitted"]) == (27, 11)
    (blueprint,) = shown["blueprints"]
    assert (blueprint["name"], blueprint["segments"]) == ("bank-statement", 9)
    assert {field["fill_rate"] for field in blueprint["fields"]} >= {1.0}
    assert shown["history"][-1][1] == 12
    assert shown["links"]["console"].startswith(
        "https://console.aws.amazon.com/s3/buckets/ui-documents?prefix="
    )
    large = get(ada, "made_dag", "task", ui.made, "whole").json()
    assert sum(large["durations"]["bins"]) == 2_500 - 46
    assert 0 < large["durations"]["median"] < large["durations"]["p95"] <= large["durations"]["max"]
    counted = [entry["count"] for entry in large["failures"]]
    assert counted == sorted(counted, reverse=True)
    assert sum(counted) == large["failed"] + large["rejected"] == 46
    assert large["failures"][-1] == {
        "reason": "ServiceError: Internal error; the job may be submitted again",
        "count": 8,
        "helps": "retry",
    }


def test_a_running_batch_shows_what_its_ledger_says(ui, ada):
    shown = get(ada, "batch_dag", "task", ui.batches, "half", map_index="{MAP_INDEX}").json()
    assert (shown["state"], shown["documents"], shown["more"]) == ("running", 13, False)
    assert [entry["count"] for entry in shown["failures"]] == [1]
    rows = get(ada, "batch_dag", "documents", ui.batches, "half", status="running").json()["rows"]
    assert [row["name"] for row in rows] == [f"{number}-slow.pdf" for number in range(90, 94)]
    document = get(ada, "batch_dag", "document", ui.batches, "half", document_id=rows[0]["id"]).json()
    assert (document["status"], document["why"]) == (
        "running",
        "The job is still running; its results appear here when it has ended.",
    )
    assert ":data-automation-invocation/" in document["invocation_arn"]


def test_a_batch_that_was_marked_failed_still_shows_what_its_ledger_says(ui, ada):
    set_state("batch_dag", "half", "failed")
    try:
        shown = get(ada, "batch_dag", "task", ui.batches, "half").json()
        rows = get(ada, "batch_dag", "documents", ui.batches, "half").json()
    finally:
        set_state("batch_dag", "half", "deferred")
    assert (shown["state"], shown["ending"], shown["remaining"]) == ("failed", "interrupted", 6)
    assert rows["total"] == 13


def test_a_running_batch_of_two_segments_shows_the_closed_one_and_the_open_one(ui, ada):
    shown = get(ada, "made_dag", "task", ui.made, "part").json()
    assert (shown["state"], shown["documents"], shown["total"]) == ("running", 20_000, 20_000)
    assert shown["succeeded"] + shown["failed"] + shown["rejected"] == 12_345
    assert shown["waiting"] == 20_000 - 12_345
    assert len(shown["history"]) == 61
    assert get(ada, "made_dag", "documents", ui.made, "part", status="waiting").json()["total"] == 7_655


def test_documents_are_searched_filtered_sorted_and_paged_at_the_server(ui, ada):
    def rows(**query):
        return get(ada, "made_dag", "documents", ui.made, "whole", **query).json()

    first = rows()
    assert (first["total"], len(first["rows"])) == (2_500, 50)
    assert rows(page=50)["rows"][-1] != first["rows"][-1]
    assert rows(page=51)["rows"] == []
    failed = rows(status="rejected")
    assert {row["status"] for row in failed["rows"]} == {"rejected"}
    assert failed["total"] == rows(q="clienterror")["total"] == 38
    assert rows(reason="ClientError: The document has <n> pages, more than <n>")["total"] == 14
    seconds = [row["seconds"] for row in rows(sort="-seconds")["rows"]]
    assert seconds == sorted(seconds, reverse=True)
    names = [row["name"] for row in rows(sort="name")["rows"]]
    assert names == sorted(names)
    one = first["rows"][7]["id"]
    assert [row["id"] for row in rows(q=one)["rows"]] == [one]


def test_a_document_is_the_same_whether_or_not_its_part_was_read_before(ui, ada):
    def document(of):
        query = {"run_id": ui.made.run_id, "task_id": "whole", "document_id": of}
        return ada.get("/bda/api/dags/made_dag/document", params=query)

    rows = get(ada, "made_dag", "documents", ui.made, "whole").json()["rows"]
    listed = [document(row["id"]).json() for row in rows[:3]]
    forget()
    assert [document(row["id"]).json() for row in rows[:3]] == listed
    assert [one["name"] for one in listed] == [row["name"] for row in rows[:3]]
    # A document's name is no document's id, though it stands in its line.
    assert document(rows[0]["name"]).status_code == 404


def test_a_line_is_found_by_the_id_of_its_document_only():
    from airflow_provider_bda.ui.batches import line_of

    lines = [{"document_id": "a", "extra": "b"}, {"document_id": "b", "note": "c"}, {"document_id": "\u00e4"}]
    part = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert [json.loads(line_of(part, line["document_id"])) for line in lines] == lines
    assert line_of(part, "c") is None
    assert line_of(part.rstrip(), "\u00e4") == json.dumps(lines[2]).encode()
    assert line_of(json.dumps(lines[2], ensure_ascii=False).encode(), "\u00e4") is not None
    assert line_of(b'{"document_id": "a"\n', "a") is None


def test_downloads_have_every_row_or_the_failures(ui, ada):
    answer = get(ada, "made_dag", "download", ui.made, "whole")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert len(rows) == 2_500
    assert "attachment" in answer.headers["content-disposition"]
    failures = get(ada, "made_dag", "download", ui.made, "whole", what="failures").text.splitlines()
    assert {json.loads(line)["status"] for line in failures} == {"failed", "rejected"}
    assert len(failures) == sum(row["status"] in {"failed", "rejected"} for row in rows) == 46
    jobs = get(ada, "open_dag", "download", ui.open).text.splitlines()
    assert len(jobs) == 8


def test_mapped_jobs_are_documents_with_their_names(ui, ada):
    rows = get(ada, "open_dag", "documents", ui.open).json()["rows"]
    assert [row["name"] for row in rows] == ui.names
    assert [row["id"] for row in rows] == [str(index) for index in range(8)]
    only = get(ada, "open_dag", "documents", ui.open, map_index="2").json()["rows"]
    task = get(ada, "open_dag", "task", ui.open, map_index="2").json()
    assert (task["kind"], task["instances"]) == ("jobs", 1)
    assert [row["name"] for row in only] == [ui.names[2]]


def test_a_document_shows_fields_with_boxes_text_and_tables(ui, ada):
    index = str(ui.names.index("invoice-juniper.pdf"))
    shown = get(ada, "open_dag", "document", ui.open, map_index=index).json()
    assert (shown["name"], shown["status"], shown["why"], shown["modality"]) == (
        "invoice-juniper.pdf",
        "succeeded",
        None,
        "DOCUMENT",
    )
    segment = get(ada, "open_dag", "segment", ui.open, map_index=index).json()
    fields = {field["path"]: field for field in segment["fields"]}
    number = fields["invoice_number"]
    assert number["value"] == "INV-2026-0042"
    assert 0 < number["confidence"] <= 1
    (box,) = number["boxes"]
    assert (box["page"], 0 < box["left"] < 1, 0 < box["top"] < 1) == (1, True, True)
    assert segment["blueprint"]["name"] == "invoice"
    assert "Juniper Paper Supply" in segment["standard"]["markdown"]
    assert segment["standard"]["tables"]
    assert segment["pages"] == [1]


def test_a_page_is_drawn_as_png_and_one_that_is_not_there_says_so(ui, ada):
    picture = get(ada, "open_dag", "picture", ui.open, map_index="0", page=3)
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    answer = ada.get(
        "/bda/api/dags/open_dag/picture",
        params={"run_id": ui.open.run_id, "task_id": "extract", "map_index": 0, "page": 4},
    )
    assert (answer.status_code, answer.json()["detail"]) == (404, "the file has 3 pages")


def test_raw_files_are_text(ui, ada):
    for which, member in (
        ("custom", "inference_result"),
        ("standard", "metadata"),
        ("metadata", "output_metadata"),
    ):
        answer = get(ada, "open_dag", "raw", ui.open, map_index="0", which=which)
        assert answer.headers["content-type"].startswith("text/plain")
        assert member in answer.json()


def test_a_document_of_a_batch_opens_with_the_jobs_own_results(ui, ada):
    row = get(ada, "batch_dag", "documents", ui.batches, "finished").json()["rows"][2]
    where = {"document_id": row["id"]}
    shown = get(ada, "batch_dag", "document", ui.batches, "finished", **where).json()
    assert (shown["name"], shown["why"], shown["jobs"]) == ("02.pdf", None, 1)
    assert get(ada, "batch_dag", "segment", ui.batches, "finished", **where).json()["fields_found"] > 3
    assert get(ada, "batch_dag", "picture", ui.batches, "finished", **where).content.startswith(b"\x89PNG")
    large = get(ada, "made_dag", "documents", ui.made, "whole").json()["rows"][2]
    shown = get(ada, "made_dag", "document", ui.made, "whole", document_id=large["id"]).json()
    assert shown["extra"] == {"customer": "c-2"}
    unknown = ada.get(
        "/bda/api/dags/batch_dag/document",
        params={"run_id": ui.batches.run_id, "task_id": "finished", "document_id": "nothing"},
    )
    assert unknown.status_code == 404


def test_a_failed_document_says_why(ui, ada):
    shown = get(ada, "open_dag", "document", ui.open, map_index="7").json()
    assert (shown["status"], shown["segments"]) == ("failed", [])
    assert shown["why"] == "The job failed, so there are no results."
    assert "not a valid PDF" in shown["reason"]
    task = get(ada, "open_dag", "task", ui.open).json()
    assert "InvalidFile" in task["failures"][0]["reason"]


def test_a_task_without_documents_says_so(ui, ada):
    shown = get(ada, "batch_dag", "task", ui.batches, "other").json()
    assert (shown["kind"], shown["state"]) == (None, "succeeded")


def test_a_client_cannot_name_an_s3_key_or_a_connection(ui, ada):
    plain = get(ada, "open_dag", "document", ui.open, map_index="0")
    bent = get(
        ada,
        "open_dag",
        "document",
        ui.open,
        map_index="0",
        output_s3_uri="s3://other/x",
        aws_conn_id="other",
        uri="s3://other/x",
    )
    assert plain.text == bent.text
