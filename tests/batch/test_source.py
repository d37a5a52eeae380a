from __future__ import annotations

import copy
import logging
from datetime import UTC, datetime

import pytest
from botocore.config import Config

from airflow_provider_bda.batch import Manifest, S3Prefix
from airflow_provider_bda.batch.checks import Limits, Rules
from airflow_provider_bda.batch.document import document_id_of
from airflow_provider_bda.batch.source import Listed, Source, source_of
from airflow_provider_bda.batch.unique import Seen
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BdaInputError


@pytest.fixture
def s3(aws):
    s3 = aws.client("s3")
    s3.delete_object(Bucket="documents", Key="in/invoice.txt")
    return s3


@pytest.fixture
def put(s3):
    """Put files of one byte, or of the size given."""

    def put(*keys, size=1):
        for key in keys:
            s3.put_object(Bucket="documents", Key=key, Body=b"x" * size)

    return put


def names(source, s3, **rules):
    found = source.documents(s3, Rules(**rules))
    return [document.input_s3_uri.removeprefix("s3://documents/") for document in found]


# --- prefix ------------------------------------------------------------------------------------


def test_a_prefix_yields_each_file_below_it_with_etag_size_and_modality(s3, put):
    put("in/a.pdf", size=3)
    put("in/deep/b.mp3", "other/c.pdf", "in-between/d.pdf")
    s3.put_object(Bucket="documents", Key="in/deep/", Body=b"")  # a console's folder
    first, second = S3Prefix("s3://documents/in").documents(s3)
    etag = s3.head_object(Bucket="documents", Key="in/a.pdf")["ETag"].strip('"')
    assert first.to_json() == {
        "document_id": document_id_of("s3://documents/in/a.pdf", etag),
        "input_s3_uri": "s3://documents/in/a.pdf",
        "etag": etag,
        "size": 3,
        "modality": "document",
    }
    assert (second.input_s3_uri, second.modality) == ("s3://documents/in/deep/b.mp3", "audio")


def test_a_prefix_of_more_than_a_page_is_listed_whole(s3, aws):
    files = {f"in/{number:04d}.pdf": b"x" for number in range(1_203)}
    aws._running.moto.write_objects(aws.region, "documents", files)
    assert names(S3Prefix("s3://documents/in/"), s3) == sorted(files)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"suffix": ".PDF"}, ["a.PDF", "x/b.pdf", "x/y/c.pdf"]),
        ({"suffix": (".png", ".mp3")}, ["x/d.png", "z.mp3"]),
        ({"pattern": "x/*"}, ["x/b.pdf", "x/d.png", "x/y/c.pdf"]),
        ({"pattern": "x/y/c.pdf"}, ["x/y/c.pdf"]),
        ({"pattern": "[az].*"}, ["a.PDF", "z.mp3"]),
        ({"pattern": "x/*", "suffix": ".png"}, ["x/d.png"]),
        ({"recursive": False}, ["a.PDF", "z.mp3"]),
        ({"pattern": "x/*", "recursive": False}, ["x/b.pdf", "x/d.png"]),
        ({"min_size": 2}, ["z.mp3"]),
        ({"min_size": "2", "max_size": "3"}, []),
        ({"max_size": 1}, ["a.PDF", "x/b.pdf", "x/d.png", "x/y/c.pdf"]),
    ],
)
def test_a_prefix_filters(s3, put, arguments, found):
    put("in/a.PDF", "in/x/b.pdf", "in/x/y/c.pdf", "in/x/d.png")
    put("in/z.mp3", size=5)
    assert names(S3Prefix("s3://documents/in/", **arguments), s3) == [f"in/{name}" for name in found]


def test_s3_lists_only_what_the_pattern_can_match(s3, put):
    put("in/2026/a.pdf", "in/2025/b.pdf")
    seen = []
    s3.meta.events.register(
        "before-parameter-build.s3.ListObjectsV2", lambda params, **_: seen.append(params.get("Prefix"))
    )
    assert names(S3Prefix("s3://documents/in/", pattern="2026/*.pdf"), s3) == ["in/2026/a.pdf"]
    assert seen == ["in/2026/"]


def test_neighbouring_intervals_share_no_file_and_lose_none(s3, put):
    put("in/a.pdf")
    modified = s3.head_object(Bucket="documents", Key="in/a.pdf")["LastModified"]
    day = {"early": datetime(2000, 1, 1, tzinfo=UTC), "late": "2100-01-01"}
    after = S3Prefix("s3://documents/in/", modified_since=modified, modified_before=day["late"])
    before = S3Prefix("s3://documents/in/", modified_since=day["early"], modified_before=modified.isoformat())
    assert (names(before, s3), names(after, s3)) == ([], ["in/a.pdf"])


def test_equal_bounds_name_the_timetable():
    with pytest.raises(BdaInputError, match="CronDataIntervalTimetable"):
        S3Prefix("s3://bucket/in/", modified_since="2026-11-22", modified_before="2026-11-22T00:00:00Z")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"modified_since": "2026-11-23", "modified_before": "2026-11-22"}, "is after"),
        ({"modified_since": "None"}, "modified_since: 'None' is no time; .* has no data interval"),
        ({"modified_before": ""}, "modified_before: '' is no time"),
        ({"min_size": "2 MB"}, "min_size: '2 MB' is no number of bytes"),
        ({"min_size": 3, "max_size": 2}, "no file has 3 or more and 2 or less"),
        ({"uri": "/in/"}, "source: '/in/' is not an S3 URI"),
    ],
)
def test_a_prefix_that_cannot_be_meant_is_refused_in_the_dag_file(arguments, words):
    with pytest.raises(BdaInputError, match=words):
        S3Prefix(**{"uri": "s3://bucket/in/", **arguments})


def test_a_templated_bound_is_judged_when_it_is_rendered(s3):
    source = S3Prefix(
        "s3://documents/in/",
        modified_since="{{ data_interval_start }}",
        modified_before="{{ data_interval_end }}",
    )
    source.modified_since = source.modified_before = "2026-11-22 00:00:00+00:00"
    with pytest.raises(BdaInputError, match="CronDataIntervalTimetable"):
        source.documents(s3)


def test_what_the_jobs_wrote_is_passed_over_and_a_batch_into_its_own_source_refused(s3, put):
    put("in/a.pdf", "in/out/_batches/b.png", "in/outside.pdf")
    source = S3Prefix("s3://documents/in/")
    assert names(source, s3, output_s3_uri="s3://documents/in/out") == ["in/a.pdf", "in/outside.pdf"]
    assert len(names(source, s3, output_s3_uri="s3://documents/")) == 3
    with pytest.raises(BdaInputError, match="would buy this one's output"):
        source.documents(s3, Rules(output_s3_uri="s3://documents/in"))


def test_the_rules_refuse_files_one_by_one(s3, put):
    put("in/a.pdf", size=9)
    put("in/b.pdf", "in/c.exe")
    found = S3Prefix("s3://documents/in/").documents(s3, Rules(limits=Limits(document=8)))
    assert [(document.rejection or "").partition(":")[0] for document in found] == [
        "too large",
        "",
        "unsupported file",
    ]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            {"error": "AccessDenied", "status": 403},
            "s3://documents/in/: access is denied; allow s3:ListBucket on it",
        ),
        ({"error": "InvalidAccessKeyId", "status": 403}, "does not know the credentials"),
    ],
)
def test_a_refusal_of_s3_is_said_plainly(s3, aws, fault, words):
    aws.fault(Fault(operation="s3:GET", **fault))
    with pytest.raises(BdaInputError, match=words):
        list(S3Prefix("s3://documents/in/").documents(s3))


def test_a_passing_error_of_s3_is_left_to_a_retry(aws):
    s3 = aws.client("s3", config=Config(retries={"total_max_attempts": 1}))
    aws.fault(Fault(operation="s3:GET", error="SlowDown", status=503))
    with pytest.raises(s3.exceptions.ClientError) as error:
        list(S3Prefix("s3://documents/in/").documents(s3))
    assert not isinstance(error.value, BdaInputError)


def test_a_bucket_that_is_not_there_or_elsewhere_is_refused(aws, s3):
    far = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="far-away", CreateBucketConfiguration=far)
    with pytest.raises(BdaInputError, match="there is no bucket nowhere-at-all"):
        list(S3Prefix("s3://nowhere-at-all/in/").documents(s3))
    with pytest.raises(
        BdaInputError, match="far-away lies in eu-west-1, and the jobs would run in us-east-1"
    ):
        list(S3Prefix("s3://far-away/in/").documents(s3))
    assert list(S3Prefix("s3://far-away/in/").documents(s3, Rules(region_name="eu-west-1"))) == []


# --- what Airflow sees -------------------------------------------------------------------------


def test_airflow_renders_what_is_inside_a_source():
    from airflow.sdk import BaseOperator

    class Batch(BaseOperator):
        template_fields = ("source",)

        def __init__(self, *, source, **kwargs):
            super().__init__(**kwargs)
            self.source = source

    operator = Batch(
        task_id="batch",
        source=S3Prefix("s3://{{ bucket }}/in/", suffix=(".pdf", "{{ more }}"), min_size="{{ n }}"),
    )
    operator.render_template_fields({"bucket": "documents", "more": ".png", "n": 7})
    assert operator.source == S3Prefix("s3://documents/in/", suffix=(".pdf", ".png"), min_size="7")
    operator = Batch(task_id="batch", source=Manifest("s3://{{ bucket }}/m.csv"))
    operator.render_template_fields({"bucket": "documents"})
    assert operator.source.uri == "s3://documents/m.csv"


def test_a_source_shows_what_was_given_and_nothing_that_changes_from_parse_to_parse():
    since = datetime(2026, 11, 22, tzinfo=UTC)
    source = S3Prefix("s3://bucket/in/", suffix=".pdf", modified_since=since)
    assert (
        str(source)
        == "S3Prefix(uri='s3://bucket/in/', suffix='.pdf', modified_since='2026-11-22 00:00:00+00:00')"
    )
    assert copy.deepcopy(source) == source
    assert source.describe() == str(source)
    assert Manifest("s3://bucket/m.csv").describe() == "Manifest(uri='s3://bucket/m.csv')"


# --- lists -------------------------------------------------------------------------------------


def test_a_list_is_looked_up_in_order_and_what_is_not_there_is_refused(s3, put):
    put(*(f"in/{number}.pdf" for number in range(90)))
    uris = [f"s3://documents/in/{number}.pdf" for number in range(100)]
    found = list(source_of(uris).documents(s3))
    assert [document.input_s3_uri for document in found] == uris
    assert {document.size for document in found[:90]} == {1}
    assert {document.rejection for document in found[:90]} == {None}
    assert {document.rejection for document in found[90:]} == {"missing file: there is no such object"}
    etag = found[0].etag
    assert found[0].document_id == document_id_of(uris[0], etag)


def test_an_entry_of_a_list_may_have_overrides_and_more(s3, put):
    put("in/a.mov")
    entry = {
        "input_s3_uri": "s3://documents/in/a.mov",
        "document_id": 7,
        "project": "claims",
        "blueprints": "an-invoice",
        "video_segment": (0, "600000"),
        "tags": {"team": "a"},
        "claim": {"number": 3},
        "nothing": None,
    }
    (document,) = source_of([entry]).documents(s3)
    assert (document.document_id, document.extra) == ("7", {"claim": {"number": 3}})
    assert document.overrides == {
        "project": "claims",
        "blueprints": ["an-invoice"],
        "tags": {"team": "a"},
        "video_segment": [0, 600_000],
    }


def test_who_may_not_look_gets_the_documents_as_they_are(aws, s3, put):
    put("in/a.pdf")
    aws.fault(Fault(operation="s3:HEAD", input_uri="*a.pdf", error="AccessDenied", status=403))
    (document,) = source_of(["s3://documents/in/a.pdf"]).documents(s3)
    assert (document.size, document.rejection) == (None, None)


def test_a_file_named_twice_is_one_document_and_it_is_said(s3, put, caplog):
    put("in/a.pdf", "in/b.pdf")
    uris = [f"s3://documents/in/{name}.pdf" for name in "abaa"]
    with caplog.at_level(logging.WARNING):
        assert names(source_of(uris), s3) == ["in/a.pdf", "in/b.pdf"]
    assert "2 of its lines name a file that was named before (line 3 is line 1 again, for one)" in caplog.text


def test_a_file_named_twice_with_different_requests_is_two_documents(s3, put):
    put("in/a.mov")
    segments = [[0, 300_000], [300_000, 600_000]]
    entries = [{"input_s3_uri": "s3://documents/in/a.mov", "video_segment": segment} for segment in segments]
    found = list(source_of(entries).documents(s3))
    assert len({document.document_id for document in found}) == 2


def test_an_id_given_twice_is_an_error_that_names_both(s3, put):
    put("in/a.pdf", "in/b.pdf")
    entries = [{"input_s3_uri": f"s3://documents/in/{name}.pdf", "document_id": "same"} for name in "ab"]
    with pytest.raises(BdaInputError, match="lines 1 and 2 both have document_id 'same'"):
        list(source_of(entries).documents(s3))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"input_s3_uri": None}, "entry 1: there is no input_s3_uri"),
        ({"input_s3_uri": "https://bucket/a.pdf"}, "is no S3 URI"),
        ({"input_s3_uri": "s3://documents/"}, "names no object"),
        ({"project": 7}, "project 7 is neither an ARN nor a name"),
        ({"project_stage": "TEST"}, "project_stage: 'TEST' is not one of LIVE, DEVELOPMENT"),
        (
            {"blueprints": [{"arn": "x"}]},
            "blueprints: each is a name, an ARN, or an object with blueprintArn",
        ),
        ({"blueprints": 7}, "blueprints: write a list"),
        ({"tags": {"aws:x": "y"}}, "belong to AWS"),
        ({"video_segment": [0, 1000]}, "no segment that ends before 300000 ms"),
        ({"size": -1}, "size -1 is no number of bytes"),
        ({"etag": 7}, "etag 7 is no string"),
        ({"document_id": "a\nb"}, "document_id .* is none"),
    ],
)
def test_a_wrong_entry_ends_the_batch_before_anything_is_submitted(s3, members, words):
    with pytest.raises(BdaInputError, match=words) as error:
        list(source_of([{"input_s3_uri": "s3://documents/a.pdf", **members}]).documents(s3))
    assert str(error.value).endswith("Nothing was submitted")


def test_what_is_no_entry_is_refused(s3):
    with pytest.raises(BdaInputError, match="source, entry 2: int is no entry"):
        list(source_of([{"input_s3_uri": "s3://documents/a.pdf"}, 7]).documents(s3))


# --- which source a value means ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "source"),
    [
        ("s3://bucket/in/", S3Prefix("s3://bucket/in/")),
        ("s3://bucket/m.jsonl", Manifest("s3://bucket/m.jsonl")),
        ("s3://bucket/m.CSV.gz", Manifest("s3://bucket/m.CSV.gz")),
        ("s3://bucket/inventory/manifest.json", Manifest("s3://bucket/inventory/manifest.json")),
        (["s3://bucket/a.pdf"], Listed(["s3://bucket/a.pdf"])),
        (("s3://bucket/a.pdf",), Listed(["s3://bucket/a.pdf"])),
        ([], Listed([])),
    ],
)
def test_a_value_means_a_source(value, source):
    assert source_of(value) == source
    assert isinstance(source, Source)
    assert source_of(source) is source


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("s3://bucket/a.pdf", r"for one file write source=\['s3://bucket/a.pdf'\]"),
        ("in/", "'in/' is not an S3 URI"),
        ("['s3://bucket/a.pdf']", "render_template_as_native_obj"),
        (None, "NoneType is none"),
        ({"a": 1}, "dict is none"),
        (7, "int is none"),
    ],
)
def test_what_means_no_source_is_refused(value, words):
    with pytest.raises(BdaInputError, match=words):
        source_of(value)


def test_seen_is_exact():
    with Seen() as seen:
        assert [seen.before(str(number), number, given=False) for number in range(1000)] == [None] * 1000
        assert [seen.before(str(number), 0, given=True) for number in (0, 999)] == [(0, False), (999, False)]
