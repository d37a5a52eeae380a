"""Rows stream out of the parts there are; mistakes are errors and never an empty answer."""

from __future__ import annotations

import tracemalloc

import pytest

from airflow_provider_bda.batch._files import copy_of
from airflow_provider_bda.batch.layout import BatchLayout
from airflow_provider_bda.batch.results import MOST_PARTS, grouped, iter_results, result_parts, rows_in
from airflow_provider_bda.batch.rows import line_of
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BdaError, BdaInputError
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook


def ids(*arguments, **options):
    return [row.document_id for row in iter_results(*arguments, **options)]


def test_rows_of_jobs_that_ran_come_back_whole_and_in_order(aws, a_batch):
    first, second = a_batch.run("a", extra={"customer": "x"}), a_batch.run("b")
    third = a_batch.made("c", "rejected", error_type="unsupported")
    a_batch.part(0, first, second)
    a_batch.part(1, third)
    assert list(iter_results(a_batch.uri)) == [first, second, third]
    assert (
        BedrockDataAutomationRuntimeHook().get_results(first.output_s3_uri).standard.text
        == "Invoice number: INV-7"
    )


def test_while_the_batch_runs_the_parts_there_are_can_be_read(aws, a_batch):
    assert ids(a_batch.uri) == []
    a_batch.part(3, a_batch.made("d"))
    assert ids(a_batch.uri) == ["d"]
    a_batch.part(0, a_batch.made("a"))
    assert ids(a_batch.uri) == ["a", "d"]


def test_a_part_replaced_while_it_is_read_is_read_as_it_was(aws, a_batch):
    a_batch.part(0, *(a_batch.made(f"old-{number}") for number in range(3)))
    rows = iter_results(a_batch.uri)
    assert next(rows).document_id == "old-0"
    a_batch.part(0, a_batch.made("new"))
    assert [row.document_id for row in rows] == ["old-1", "old-2"]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, ["a", "b", "c"]),
        ({"status": "failed"}, ["b", "c"]),
        ({"status": "failed", "error_type": "ServiceError"}, ["b"]),
        ({"custom_output_status": ["MATCH"]}, ["a"]),
        ({"status": "skipped"}, []),
        (lambda row: row.extra.get("customer") == 7, ["c"]),
    ],
)
def test_where_chooses(aws, a_batch, where, expected):
    a_batch.part(
        0,
        a_batch.made("a", custom_output_status=("MATCH",)),
        a_batch.made("b", "failed", error_type="ServiceError"),
        a_batch.made("c", "failed", error_type="lost", extra={"customer": 7}),
    )
    assert ids(a_batch.uri, where) == expected


@pytest.mark.parametrize("where", [{"state": "failed"}, {"status": "Failed"}, {"status": ["failed"]}])
def test_a_condition_that_could_never_hold_is_refused_before_anything_is_read(aws, a_batch, where):
    with pytest.raises(BdaInputError, match="where"):
        iter_results(a_batch.uri, where)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://documents/out/_batches/another", "there is no batch at s3://documents/out/_batches/another"),
        ("s3://no-such-bucket/out/_batches/a-batch", "there is no batch"),
        ("/out/_batches/a-batch", "is not an S3 URI"),
        ("s3://documents/out/_batches/a-batch/results/part-00007.jsonl", "there is no s3://"),
    ],
)
def test_a_batch_that_is_not_there_is_no_empty_batch(aws, a_batch, uri, words):
    a_batch.part(0, a_batch.made("a"))
    with pytest.raises(BdaInputError, match=words):
        ids(uri)


def test_a_damaged_part_is_an_error_that_names_the_line_and_not_what_stands_there(aws, a_batch):
    a_batch.put(
        a_batch.layout.part(0),
        b'{"document_id":"a","input_s3_uri":"s3://b/k","status":"failed"}\n{"secret": 42\n',
    )
    with pytest.raises(BdaError, match=r"part-00000.jsonl, line 2: this is no row") as caught:
        ids(a_batch.uri)
    assert "secret" not in str(caught.value)


def test_what_s3_refuses_is_an_error_that_names_the_file(aws, a_batch):
    a_batch.part(0, a_batch.made("a"))
    aws.fault(Fault(operation="s3:GET", error="AccessDenied", status=403, after=1))
    with pytest.raises(BdaError, match=r"could not read s3://documents/out/.*part-00000.jsonl: AccessDenied"):
        ids(a_batch.uri)


def test_the_whole_batch_goes_by_its_results_file_too(aws, a_batch):
    a_batch.part(0, a_batch.made("a"))
    a_batch.part(1, a_batch.made("b"))
    assert ids(a_batch.layout.results) == ids(f"{a_batch.uri}/") == ["a", "b"]


def test_each_part_is_a_uri_to_map_over(aws, a_batch):
    a_batch.part(0, a_batch.made("a"))
    a_batch.part(1, a_batch.made("b"))
    parts = result_parts(a_batch.uri)
    assert parts == [a_batch.layout.part(0), a_batch.layout.part(1)]
    assert [ids(part) for part in parts] == [["a"], ["b"]]


def test_more_parts_than_a_task_can_be_mapped_over_share_a_uri(aws, a_batch):
    """With 1,203 parts, three of them there: every row is in exactly one group."""
    layout = BatchLayout(a_batch.uri)
    groups = grouped(layout, [layout.part(number) for number in range(1_203)])
    assert len(groups) == MOST_PARTS
    assert (groups[0], groups[-1]) == (f"{layout.parts}#0-1", f"{layout.parts}#1200-1202")
    for number in (0, 1, 1_202):
        a_batch.part(number, a_batch.made(str(number)))
    assert ids(groups[0]) == ["0", "1"]
    assert ids(groups[-1]) == ["1202"]


def test_a_hook_may_stand_in_for_a_connection(aws, a_batch):
    a_batch.part(0, a_batch.made("a"))
    hook = BedrockDataAutomationRuntimeHook(region_name="us-east-1")
    assert ids(a_batch.uri, hook=hook, aws_conn_id="no_such") == ["a"]
    with pytest.raises(BdaInputError, match="no_such"):
        ids(a_batch.uri, aws_conn_id="no_such")


class LongPart:
    """An S3 client, and the body it answers: 4,000 rows of 2 KB, made as they are read."""

    def __init__(self):
        value = {
            "document_id": "a",
            "input_s3_uri": "s3://b/k",
            "status": "failed",
            "extra": {"x": "x" * 2_000},
        }
        self.line = line_of(value)

    def get_object(self, **_):
        return {"Body": self, "ETag": "1"}

    def iter_chunks(self, _):
        return (self.line * 100 for _ in range(40))

    def close(self):
        pass


def test_a_part_is_never_in_memory_as_a_whole():
    """The emulator would hold it in this process, so another one stands here."""
    tracemalloc.start()
    try:
        with copy_of(LongPart(), "s3://b/part") as (copy, _):
            assert sum(1 for _ in rows_in(copy, "s3://b/part")) == 4_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
