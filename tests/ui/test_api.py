"""What the routes answer, over runs that really ran."""

from __future__ import annotations

import json

import pytest

# The first to come sets up a database, runs and an api-server: a minute on a busy machine.
pytestmark = pytest.mark.timeout(600)

TASK = "/bda/api/dags/{}/task"


def get(client, dag_id, route, run, task_id="extract", **more):
    answer = client.get(
        f"/bda/api/dags/{dag_id}/{route}", params={"run_id": run.run_id, "task_id": task_id, **more}
    )
    assert answer.status_code == 200, answer.text
    return answer


def counts(row):
    return {name: row[name] for name in ("total", "succeeded", "failed", "rejected", "running", "waiting")}


def test_the_overview_shows_batches_and_jobs_newest_first(ui, ada):
    answer = ada.get("/bda/api/overview").json()
    rows = {(row["dag_id"], row["task_id"]): row for row in answer["rows"]}
    assert list(rows)[-1] == ("open_dag", "extract")
    assert set(rows) == {
        ("open_dag", "extract"),
        ("secret_dag", "extract"),
        ("batch_dag", "finished"),
        ("batch_dag", "half"),
    }
    jobs = rows["open_dag", "extract"]
    assert (jobs["kind"], jobs["state"], jobs["succeeded"], jobs["failed"], jobs["total"]) == (
        "jobs",
        "failed",
        7,
        1,
        8,
    )
    running = rows["batch_dag", "half"]
    assert (running["kind"], running["state"]) == ("batch", "running")
    assert counts(running)["total"] == 20_000
    assert sum(running[name] for name in ("succeeded", "failed", "rejected", "running", "waiting")) == 20_000
    assert running["seconds_left"] == pytest.approx((20_000 - 12_345) / 1_400 * 60, abs=1)
    assert running["cost"] == pytest.approx(12_345 * 0.04, abs=0.01)
    finished = rows["batch_dag", "finished"]
    assert (finished["state"], finished["total"], finished["cost"]) == ("succeeded", 2_500, 100.0)
    assert answer["totals"]["total"] == 8 + 1 + 20_000 + 2_500
    assert answer["totals"]["tasks"]["running"] == 1


@pytest.mark.parametrize(
    ("query", "tasks"),
    [
        ("dag_id=batch_dag", {"finished", "half"}),
        ("state=running", {"half"}),
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


def test_a_finished_batch_shows_failures_by_reason_and_durations(ui, ada):
    shown = get(ada, "batch_dag", "task", ui.batches, "finished").json()
    counted = [entry["count"] for entry in shown["failures"]]
    assert counted == sorted(counted, reverse=True)
    assert sum(counted) == shown["failed"] + shown["rejected"] == 57
    assert shown["failures"][0]["reason"].startswith("ClientError: The file is encrypted")
    assert sum(shown["durations"]["bins"]) == 2_500
    assert 0 < shown["durations"]["median"] < shown["durations"]["p95"] <= shown["durations"]["max"]
    assert shown["history"][-1][1] == 2_500
    assert shown["links"]["console"].startswith(
        "https://console.aws.amazon.com/s3/buckets/ui-documents?prefix="
    )


def test_a_running_batch_shows_what_it_says_of_itself_and_the_closed_part(ui, ada):
    shown = get(ada, "batch_dag", "task", ui.batches, "half", map_index="{MAP_INDEX}").json()
    assert (shown["state"], shown["documents"], shown["more"]) == ("running", 10_000, False)
    assert len(shown["history"]) == 61


def test_documents_are_searched_filtered_sorted_and_paged_at_the_server(ui, ada):
    def rows(**query):
        return get(ada, "batch_dag", "documents", ui.batches, "finished", **query).json()

    first = rows()
    assert (first["total"], len(first["rows"])) == (2_500, 50)
    assert rows(page=50)["rows"][-1] != first["rows"][-1]
    assert rows(page=51)["rows"] == []
    failed = rows(status="rejected")
    assert {row["status"] for row in failed["rows"]} == {"rejected"}
    assert failed["total"] == rows(q="clienterror")["total"]
    seconds = [row["seconds"] for row in rows(sort="-seconds")["rows"]]
    assert seconds == sorted(seconds, reverse=True)
    names = [row["name"] for row in rows(sort="name")["rows"]]
    assert names == sorted(names)
    one = first["rows"][7]["id"]
    assert [row["id"] for row in rows(q=one)["rows"]] == [one]


def test_downloads_have_every_row_or_the_failures(ui, ada):
    answer = get(ada, "batch_dag", "download", ui.batches, "finished")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert len(rows) == 2_500
    assert "attachment" in answer.headers["content-disposition"]
    failures = get(ada, "batch_dag", "download", ui.batches, "finished", what="failures").text.splitlines()
    assert {json.loads(line)["status"] for line in failures} == {"failed", "rejected"}
    assert len(failures) == sum(row["status"] in {"failed", "rejected"} for row in rows)
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
    assert (shown["why"], shown["extra"]) == (None, {"customer": "c-2"})
    assert get(ada, "batch_dag", "segment", ui.batches, "finished", **where).json()["fields_found"] > 3
    assert get(ada, "batch_dag", "picture", ui.batches, "finished", **where).content.startswith(b"\x89PNG")
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
    assert get(ada, "batch_dag", "task", ui.batches, "other").json()["kind"] is None


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
