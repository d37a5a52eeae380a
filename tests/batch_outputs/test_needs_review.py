"""What a batch writes down at its end for people to look at."""

from __future__ import annotations

import json

import pytest

from airflow_provider_bda.batch import finish
from airflow_provider_bda.batch.finish import finish_batch
from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.operators.batch import BdaBatchOperator
from airflow_provider_bda.review import ReviewPolicy


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"min_confidence": 80}, "min_confidence: 80 is no confidence"),
        ({"thresholds": {"x": True}}, r"thresholds\['x'\]: True"),
        ({"required": "total"}, "required: 'total' is one name"),
        ({"audit_percentage": 101}, "audit_percentage"),
        ({"minimum": 1}, r"\['minimum'\] is no ReviewPolicy"),
        (0.8, "float is no ReviewPolicy"),
    ],
)
def test_a_policy_that_cannot_work_is_told_when_the_dag_is_parsed(given, words):
    with pytest.raises(BdaInputError, match=words):
        BdaBatchOperator(
            task_id="t",
            source="s3://documents/in/",
            output_s3_uri="s3://documents/out",
            project="p",
            review=given,
        )


def test_a_batch_writes_down_what_needs_review_of_all_its_documents(
    aws, a_batch, blueprint, stored, monkeypatch
):
    monkeypatch.setattr(finish, "READ_ALL", 1)
    monkeypatch.setattr(finish, "SAMPLE", 1)
    rows = [
        a_batch.run("full", "Invoice number: SECRET-1\nOrder number: SECRET-2\n", [blueprint]),
        a_batch.run("half", "Invoice number: SECRET-3\n", [blueprint]),
        a_batch.made("gone", output_s3_uri="s3://documents/gone/job_metadata.json"),
        a_batch.made("bad", "failed"),
    ]
    a_batch.part(0, *rows)
    policy = ReviewPolicy(min_confidence=None, required=["order_number"])
    summary = finish_batch(BdaBaseHook(), a_batch.uri, review=policy)
    assert summary["needs_review"] == {"documents": 2, "reasons": {"missing": 1, "unreadable": 1}}
    body = stored(a_batch.layout.needs_review)
    half, gone = (json.loads(line) for line in body.splitlines())
    assert (half["document_id"], half["reasons"], half["fields"][0]["path"]) == (
        "half",
        ["missing"],
        "order_number",
    )
    assert (half["output_s3_uri"], half["invocation_arn"]) == (rows[1].output_s3_uri, rows[1].invocation_arn)
    assert (gone["document_id"], gone["reasons"]) == ("gone", ["unreadable"])
    assert b"SECRET" not in body
    finish_batch(BdaBaseHook(), a_batch.uri, review=policy)
    assert stored(a_batch.layout.needs_review) == body


def test_without_a_policy_nothing_is_written_down(aws, a_batch, stored):
    a_batch.part(0, a_batch.made("a", "failed"))
    assert finish_batch(BdaBaseHook(), a_batch.uri)["needs_review"] is None
    assert stored(a_batch.layout.needs_review) is None
