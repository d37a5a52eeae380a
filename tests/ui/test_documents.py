"""What of a document may be shown, and what a hostile one can do."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from airflow_provider_bda.aws import split_s3_uri
from airflow_provider_bda.ui import pages, reading, views
from airflow_provider_bda.ui.documents import Document, Hidden, Nothing
from airflow_provider_bda.ui.reading import ReadError, Source

# The first to come sets up a database, runs and an api-server: a minute on a busy machine.
pytestmark = pytest.mark.timeout(600)

FOLDER = "s3://ui-documents/made/job-1"
SECRET = "000 1111 2222"


@pytest.fixture
def made(ui):
    """Writes a job's files and answers its document."""
    s3 = ui.aws.client("s3")

    def put(uri: str, body) -> None:
        bucket, key = split_s3_uri(uri)
        s3.put_object(
            Bucket=bucket, Key=key, Body=body if isinstance(body, bytes) else json.dumps(body).encode()
        )

    def make(*, mode="redacted", redacted=(), modality="DOCUMENT", custom=None, standard=None, **metadata):
        for key in [
            row["Key"]
            for row in s3.list_objects_v2(Bucket="ui-documents", Prefix="made/").get("Contents", [])
        ]:
            s3.delete_object(Bucket="ui-documents", Key=key)
        reading.forget()
        custom = custom if custom is not None else {"inference_result": {"account": SECRET}}
        standard = (
            standard
            if standard is not None
            else {
                "metadata": {"semantic_modality": modality},
                "document": {"representation": {"markdown": f"Account {SECRET}"}},
            }
        )
        put(f"{FOLDER}/0/custom_output/0/result.json", custom)
        put(f"{FOLDER}/0/standard_output/0/result.json", standard)
        for kind in redacted:
            body = json.dumps(custom if kind == "custom" else standard).replace(SECRET, "[ACCOUNT]")
            put(f"{FOLDER}/0/{kind}_output/0/redacted/result.json", body.encode())
        paths = {
            "custom_output_path": f"{FOLDER}/0/custom_output/0/result.json",
            "custom_output_status": "MATCH",
            "standard_output_path": f"{FOLDER}/0/standard_output/0/result.json",
        }
        put(
            f"{FOLDER}/job_metadata.json",
            {
                "job_id": "job-1",
                "semantic_modality": modality,
                "output_metadata": [{"asset_id": 0, "segment_metadata": [{**paths, **metadata}]}],
            },
        )
        picture = f"s3://ui-documents/in/{ui.files[0].name}"
        return Document(Source("aws_default"), f"{FOLDER}/job_metadata.json", picture, mode=mode)

    return make


def all_of(document: Document) -> str:
    """Everything the pages can ask of it."""
    shown = json.dumps([document.overview(), document.segment(0)])
    for which in ("custom", "standard"):
        try:
            shown += document.raw(0, which).decode()
        except Nothing:
            shown += "nothing"
    return shown


def test_without_redaction_the_original_and_its_pages_are_shown(made):
    document = made()
    assert SECRET in all_of(document)
    assert document.overview()["redacted"] is False
    assert document.picture(1).startswith(b"\x89PNG")


@pytest.mark.parametrize("redacted", [("custom", "standard"), ("custom",), ("standard",)])
def test_a_job_with_redacted_files_shows_nothing_else_and_no_page(made, redacted):
    document = made(redacted=redacted)
    shown = all_of(document)
    assert SECRET not in shown
    assert "[ACCOUNT]" in shown
    assert document.overview()["redacted"] is True
    assert (
        document.segment(0)["picture"]
        == "The project redacts sensitive data, so the original pages are not shown."
    )
    with pytest.raises(Hidden):
        document.picture(1)


def test_full_shows_originals_where_there_are_redacted_ones(made):
    document = made(mode="full", redacted=("custom", "standard"))
    assert SECRET in all_of(document)
    assert document.picture(1).startswith(b"\x89PNG")


def test_off_shows_no_document(made):
    with pytest.raises(Hidden, match="ui_documents is off"):
        made(mode="off")


@pytest.mark.parametrize(
    ("said", "status"), [("off", 403), ("REDACTED", 200), ("full", 200), ("a typo", 403)]
)
def test_the_setting_is_heeded_by_every_route_of_a_document(ui, ada, monkeypatch, said, status):
    monkeypatch.setenv("AIRFLOW__BDA__UI_DOCUMENTS", said)
    where = {"run_id": ui.open.run_id, "task_id": "extract", "map_index": 0}
    for route in ("segment", "picture", "raw"):
        assert ada.get(f"/bda/api/dags/open_dag/{route}", params=where).status_code == status
    shown = ada.get("/bda/api/dags/open_dag/document", params=where).json()
    assert (shown["segments"] == []) is (status == 403)
    rows = ada.get(
        "/bda/api/dags/made_dag/download", params={"run_id": ui.made.run_id, "task_id": "whole"}
    ).text
    assert ("customer" in rows) is (status == 200)


def test_a_file_outside_of_the_jobs_folder_is_not_read(made):
    document = made(custom_output_path="s3://ui-documents/in/hostile.txt")
    with pytest.raises(ReadError, match="outside of the job's folder"):
        document.segment(0)
    document = made(mode="full", custom_output_path=f"{FOLDER}/../job-2/result.json")
    assert "outside of the job's folder" in document.segment(0)["missing"][0]


def test_what_is_missing_says_why(made):
    shown = made(custom_output_path=None, custom_output_status="NO_MATCH").segment(0)
    assert shown["missing"] == [views.why_no_fields("NO_MATCH")]
    shown = made(standard_output_path=None).segment(0)
    assert shown["missing"] == ["The project asks for no standard output of this kind of file."]
    shown = made(mode="full", standard_output_path=f"{FOLDER}/0/nothing.json").segment(0)
    assert "there is no result at" in shown["missing"][0]


def test_audio_has_a_transcript_with_speakers_and_times_and_no_pages(made):
    standard = {
        "metadata": {"semantic_modality": "AUDIO"},
        "audio_segments": [
            {
                "text": "Hello.",
                "start_timestamp_millis": 0,
                "end_timestamp_millis": 900,
                "speaker": {"speaker_label": "spk_0"},
            },
            {
                "text": "Good day.",
                "start_timestamp_millis": 1000,
                "end_timestamp_millis": 1900,
                "speaker": {"speaker_label": "spk_1"},
            },
        ],
    }
    shown = made(modality="AUDIO", standard=standard).segment(0)
    assert shown["standard"]["transcript"][1] == {
        "speaker": "spk_1",
        "start": 1000,
        "end": 1900,
        "text": "Good day.",
    }
    assert shown["picture"] == "Sound and film have no pages."


def test_thousands_of_fields_and_endless_values_are_bounded(made):
    values = {f"field_{number}": "x" * 100_000 if number < 3 else number for number in range(50_000)}
    began = time.monotonic()
    shown = made(custom={"inference_result": values}).segment(0)
    assert (len(shown["fields"]), shown["fields_total"]) == (views.MAX_FIELDS, 50_000)
    assert len(json.dumps(shown)) < 1_000_000
    assert time.monotonic() - began < 20


def test_nesting_without_end_is_said_not_fatal(made):
    deep: dict = {}
    for _ in range(900):
        deep = {"a": deep}
    shown = made(custom={"inference_result": deep}).segment(0)
    assert shown["fields"] == [] or len(json.dumps(shown)) < 1_000_000


def test_a_file_that_is_too_large_is_not_read(made, monkeypatch):
    document = made()
    monkeypatch.setattr("airflow_provider_bda.ui.documents.MAX_INPUT", 10)
    reading.forget()
    with pytest.raises(reading.TooLarge, match="pages show up to 10"):
        document.picture(1)


def huge_page() -> bytes:
    """A PDF whose page is 40 million points wide."""
    body = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    body += b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 40000000 40000000]>>endobj\n"
    return body + b"trailer<</Root 1 0 R>>\n%%EOF"


def bomb() -> bytes:
    """A PNG of 60,000 by 60,000 pixels in a few bytes."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b"%PDF-1.7\nno PDF", "pdf", id="broken"),
        pytest.param(bomb(), "png", id="bomb"),
        pytest.param(b"", "pdf", id="empty"),
        pytest.param(b"GIF89a", "png", id="another format"),
    ],
)
def test_what_cannot_be_drawn_says_so_and_costs_a_child_only(body, kind):
    with pytest.raises(pages.NoPicture):
        pages.draw(object(), body, kind, 1)


def test_a_huge_page_is_drawn_small():
    from io import BytesIO

    from PIL import Image

    picture = Image.open(BytesIO(pages.draw(object(), huge_page(), "pdf", 1)))
    assert picture.width <= pages.WIDTH + 1


def test_a_child_waits_for_the_next_page_and_one_that_died_meanwhile_is_not_asked():
    pages.expect()
    (waiting,) = pages._READY
    pages.draw(object(), huge_page(), "pdf", 1)
    assert waiting.returncode == 0
    (another,) = pages._READY
    another.kill()
    another.wait()
    pages.draw(object(), huge_page(), "pdf", 1)
    pages.expect()
    assert [child.poll() for child in pages._READY] == [None]
    pages.forget()
    assert not pages._READY


def test_a_page_that_takes_too_long_is_given_up(monkeypatch, tmp_path):
    slow = tmp_path / "slow.py"
    slow.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(pages, "_SCRIPT", slow)
    monkeypatch.setattr(pages, "TIMEOUT", 0.2)
    began = time.monotonic()
    with pytest.raises(pages.NoPicture, match="took longer"):
        pages.draw(object(), b"", "pdf", 1)
    assert time.monotonic() - began < 10


def test_a_connection_that_does_not_exist_is_said(ui):
    with pytest.raises(ReadError, match="does not exist"):
        Source("no_such_connection").read("s3://ui-documents/in/hostile.txt")


def test_a_refusal_of_s3_is_said_and_never_ends_in_the_original(made, monkeypatch):
    document = made(redacted=("custom",))

    def refuse(self, uri):
        raise ReadError("S3 refused it: AccessDenied")

    monkeypatch.setattr(Source, "exists", refuse)
    for part in (document.overview, lambda: document.segment(0), lambda: document.raw(0, "custom")):
        with pytest.raises(ReadError, match="AccessDenied"):
            part()


def test_markup_of_documents_meets_no_parser_in_our_modules():
    """Whoever adds one of these has to think about the documents first."""
    for path in Path(views.__file__).parent.joinpath("www").glob("*.js"):
        text = path.read_text()
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
        ):
            assert word not in text, f"{path.name}: {word}"
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
