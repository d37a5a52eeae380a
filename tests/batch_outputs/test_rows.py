"""A row says what became of one document, in one line, to this release and to others."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bda.batch.rows import MEMBERS, STATUSES, Row, is_row, line_of

#: What the design promises, beside what was added since.
PROMISED = {
    "document_id", "input_s3_uri", "etag", "status", "invocation_arn", "output_s3_uri", "error_type", "error_message",
    "extra", "generation", "jobs", "submitted_at", "completed_at", "seconds", "modality", "size", "custom_output_status",
}  # fmt: skip

FULL = Row(
    document_id="a",
    input_s3_uri="s3://b/k",
    status="succeeded",
    etag='"1"',
    invocation_arn="arn:x/j",
    output_s3_uri="s3://b/o/j/job_metadata.json",
    error_type="T",
    error_message="m",
    extra={"customer": 7},
    generation=1,
    jobs=2,
    submitted_at=1.5,
    completed_at=9.5,
    seconds=3.0,
    modality="document",
    size=10,
    custom_output_status=("MATCH", "NO_MATCH"),
    blueprint_arn="arn:b",
    blueprint_version="3",
    blueprint_name="n",
    other_blueprints=("arn:c:1",),
    pages=4,
)

columns = st.dictionaries(st.text(), st.none() | st.integers() | st.text(), max_size=3)


def test_every_member_is_always_there():
    assert set(FULL.to_json()) == set(
        Row(document_id="a", input_s3_uri="s3://b/k", status="failed").to_json()
    )
    assert set(FULL.to_json()) == set(MEMBERS) >= PROMISED


def test_a_line_brings_the_row_back():
    assert Row.from_json(json.loads(line_of(FULL.to_json()))) == FULL


@settings(max_examples=50, deadline=None)
@given(st.text(), st.sampled_from(STATUSES), st.text() | st.none(), columns)
def test_whatever_stands_in_it_a_row_is_one_line_that_brings_it_back(name, status, message, extra):
    row = Row(document_id=name, input_s3_uri="s3://b/k", status=status, error_message=message, extra=extra)
    line = line_of(row.to_json())
    assert line.count(b"\n") == 1
    assert Row.from_json(json.loads(line)) == row


def test_half_a_character_in_a_message_does_not_lose_the_line():
    row = Row(document_id="a", input_s3_uri="s3://b/k", status="failed", error_message="\ud83d")
    assert Row.from_json(json.loads(line_of(row.to_json()))) == row


def test_members_of_another_release_are_passed_over_and_missing_ones_are_empty():
    value = {
        "document_id": "a",
        "input_s3_uri": "s3://b/k",
        "status": "skipped",
        "of_tomorrow": [1],
        "jobs": None,
    }
    assert Row.from_json(value) == Row(document_id="a", input_s3_uri="s3://b/k", status="skipped")


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"document_id": "a", "input_s3_uri": "s3://b/k", "status": "done"},
        {"document_id": "a", "input_s3_uri": "s3://b/k", "status": ["failed"]},
        {"document_id": 1, "input_s3_uri": "s3://b/k", "status": "failed"},
        {"document_id": "a", "status": "failed"},
    ],
)
def test_what_is_no_row_is_told_from_one(value):
    assert not is_row(value)
    assert is_row(FULL.to_json())


@pytest.mark.parametrize(
    ("status", "undone"), [("succeeded", False), ("skipped", False), ("failed", True), ("rejected", True)]
)
def test_a_document_is_undone_if_it_failed_or_was_rejected(status, undone):
    assert Row(document_id="a", input_s3_uri="s3://b/k", status=status).undone is undone
