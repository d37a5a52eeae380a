"""Which documents a person should look at, and what becomes of the answers."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace

import pytest

from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.operators.review import BdaApplyCorrectionsOperator, BdaConfidenceBranchOperator
from airflow_provider_bda.results import CustomOutput
from airflow_provider_bda.review import ReviewPolicy, form_of
from tests.operators.conftest import make_clients_quick

BOX = {"boundingBox": {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}, "page": 2}


def output(values, evidence=()):
    return CustomOutput({"inference_result": values, "explainability_info": list(evidence)})


def sure(value, confidence):
    return {"value": value, "confidence": confidence, "success": True, "geometry": [BOX]}


VALUES = {"number": "SECRET", "total": 5, "due": "", "lines": [{"x": 1}, {"x": 2}]}
PROOF = {
    "number": sure("SECRET", 0.85),
    "total": sure(5, 0.5),
    "due": {"value": "", "confidence": 0.01},
    "lines": [{"x": sure(1, 0.95)}, {"x": sure(2, 0.7)}],
}


def looked(policy, *segments, name="a"):
    review = policy.review(name, segments or [("MATCH", output(VALUES, [PROOF]))])
    return list(review.reasons), [(item["path"], item["reason"]) for item in review.fields]


def test_a_field_below_its_threshold_is_told_with_its_place_and_without_its_value():
    review = ReviewPolicy(min_confidence=0.6).review("a", [("MATCH", output(VALUES, [PROOF]))])
    assert review.fields == (
        {
            "segment": 0, "reason": "low_confidence", "threshold": 0.6, "path": "total", "confidence": 0.5, "pages": [2],
            "boxes": [{"page": 2, "left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}],
        },
    )  # fmt: skip
    assert "SECRET" not in json.dumps(review.line({"document_id": "a"}))


@pytest.mark.parametrize(
    ("policy", "reasons", "fields"),
    [
        (ReviewPolicy(min_confidence=None), [], []),
        (ReviewPolicy(min_confidence=0.85), ["low_confidence"], ["total", "lines[1].x"]),
        (ReviewPolicy(min_confidence=None, thresholds={"lines[].x": 0.96}), ["low_confidence"], ["lines[0].x", "lines[1].x"]),
        (ReviewPolicy(min_confidence=0.9, thresholds={"total": 0.1, "lines[].x": 0}), ["low_confidence"], ["number"]),
        (ReviewPolicy(min_confidence=None, required=["number", "lines", "lines[].x"]), [], []),
        (ReviewPolicy(min_confidence=None, required=["due", "never"]), ["missing"], ["due", "never"]),
        (ReviewPolicy(min_confidence=None, audit_percentage=100), ["audit"], []),
    ],
)  # fmt: skip
def test_what_a_policy_asks_for_is_what_is_told(policy, reasons, fields):
    found, told = looked(policy)
    assert (found, [path for path, _ in told]) == (reasons, fields)


def test_a_segment_that_did_not_match_is_told_unless_any_status_will_do():
    segments = [("NO_MATCH", None), ("FALLBACK", output({})), ("MATCH", output({}))]
    assert looked(ReviewPolicy(), *segments) == (["match_status"], [(None, "match_status")] * 2)
    assert looked(ReviewPolicy(match_statuses=()), *segments) == ([], [])


def test_the_audited_share_is_as_large_as_it_says_and_always_the_same():
    policy = ReviewPolicy(audit_percentage=5)
    audited = [number for number in range(10_000) if policy.audited(str(number))]
    assert 400 < len(audited) < 600
    assert audited == [
        number for number in range(10_000) if ReviewPolicy(audit_percentage=5).audited(str(number))
    ]
    assert not any(ReviewPolicy().audited(str(number)) for number in range(1_000))


@pytest.fixture
def context(monkeypatch):
    make_clients_quick(monkeypatch)
    pushed = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}), pushed=pushed)
    return {"ti": ti}


@pytest.mark.parametrize(("required", "goes"), [("invoice_number", "load"), ("order_number", "ask")])
def test_the_branch_goes_by_the_policy_and_says_why(
    aws, a_batch, blueprint, context, monkeypatch, required, goes
):
    row = a_batch.run("a", "Invoice number: SECRET-1\n", [blueprint])
    monkeypatch.setattr(BdaConfidenceBranchOperator, "do_branch", lambda _self, _context, branch: branch)
    operator = BdaConfidenceBranchOperator(
        task_id="t",
        results={"output_s3_uri": row.output_s3_uri, "invocation_arn": row.invocation_arn},
        review={"min_confidence": None, "required": [required]},
        if_sure="load",
        if_unsure="ask",
    )
    assert operator.execute(context) == goes
    told = context["ti"].pushed["bda_review"]
    assert (told["input_s3_uri"], told["output_s3_uri"]) == (row.input_s3_uri, row.output_s3_uri)
    assert told["reasons"] == ([] if goes == "load" else ["missing"])
    assert "SECRET" not in json.dumps(told)


@pytest.fixture
def apply(aws, context):
    def apply(documents, answers, **options):
        operator = BdaApplyCorrectionsOperator(
            task_id="t",
            documents=documents,
            answers=answers,
            output_s3_uri="s3://documents/corrected",
            **options,
        )
        return operator.execute(context)

    return apply


WHEN = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def hitl(**fields):
    """Answer as Airflow's operator does."""
    return {
        "chosen_options": ["OK"],
        "params_input": fields,
        "responded_at": WHEN,
        "responded_by_user": {"id": "7", "name": "ann"},
    }


def test_answers_are_laid_over_a_copy_with_who_when_and_what_was_there(a_batch, apply, blueprint, stored):
    row = a_batch.run("a", "Invoice number: 1\nOrder number: 2\n", [blueprint])
    document = {"output_s3_uri": row.output_s3_uri}
    before = BedrockDataAutomationRuntimeHook().get_results(row.output_s3_uri).custom.fields
    report = apply(
        document, hitl(order_number="3", invoice_number=None), ground_truth_s3_uri="s3://documents/truth/"
    )
    (uri,) = report["corrected"]
    assert (report["documents"], report["fields"]) == (1, 1)
    results = BedrockDataAutomationRuntimeHook().get_results(uri)
    fields = results.custom.fields
    assert (fields["order_number"].value, fields["order_number"].confidence) == ("3", 1.0)
    assert fields["order_number"].geometry == before["order_number"].geometry
    assert fields["invoice_number"] == before["invoice_number"]
    assert results.custom.raw["corrections"] == [
        {"path": "order_number", "old": "2", "new": "3", "by": "ann", "at": WHEN.isoformat()}
    ]
    assert (
        BedrockDataAutomationRuntimeHook().get_results(row.output_s3_uri).custom.value("order_number") == "2"
    )
    assert results.standard is not None
    ((document_uri, truth),) = report["ground_truth"]
    assert document_uri == row.input_s3_uri
    assert json.loads(stored(truth)) == {"invoice_number": "1", "order_number": "3"}
    assert json.loads(stored(truth + "l")) == {
        "input_s3_uri": row.input_s3_uri, "segment": 0, "ground_truth_s3_uri": truth
    }  # fmt: skip
    # A second look at the copy keeps the first's answer; the same answer again is no correction.
    again = apply({"output_s3_uri": uri}, [hitl(order_number="4")])["corrected"][0]
    corrections = BedrockDataAutomationRuntimeHook().get_results(again).custom.raw["corrections"]
    assert [(item["old"], item["new"]) for item in corrections] == [("2", "3"), ("3", "4")]
    assert apply({"output_s3_uri": again}, hitl(order_number="4"))["fields"] == 0


def test_a_document_nobody_answered_is_left_and_one_within_a_list_is_corrected(a_batch, apply):
    metadata = "s3://documents/out/j/job_metadata.json"
    place = {"custom_output_path": "s3://documents/out/j/result.json", "custom_output_status": "MATCH"}
    a_batch.put(
        metadata, json.dumps({"job_id": "j", "output_metadata": [{"segment_metadata": [{}, place]}]}).encode()
    )
    a_batch.put(
        place["custom_output_path"],
        json.dumps({"inference_result": VALUES, "explainability_info": [PROOF]}).encode(),
    )
    documents = [{"output_s3_uri": "s3://documents/none.json"}, {"output_s3_uri": metadata, "segment": 1}]
    report = apply(documents, [None, {"fields": {"lines[1].x": 9, "new": "!"}, "by": "bob"}])
    results = BedrockDataAutomationRuntimeHook().get_results(report["corrected"][0])
    assert results.segments[1].custom.value("lines[1].x") == 9
    assert results.segments[1].custom.value("new") == "!"
    assert [item["old"] for item in results.segments[1].custom.raw["corrections"]] == [2, None]


@pytest.mark.parametrize(
    ("documents", "answers", "words"),
    [
        ([{"output_s3_uri": "s3://documents/x.json"}], [], "there are 0 for 1 documents"),
        ([{}], [{"fields": {}}], "each is a dict with output_s3_uri"),
        ([{"output_s3_uri": "s3://documents/x.json"}], ["yes"], "each is what HITLOperator returns"),
        ([{"output_s3_uri": "s3://documents/x.json"}], [{"fields": {"a": 1}}], "there is no job metadata at"),
    ],
)
def test_answers_that_fit_no_document_are_told(apply, documents, answers, words):
    with pytest.raises(BdaInputError, match=words):
        apply(documents, answers)


@pytest.mark.parametrize("path", ["lines[7].x", "lines[0].y", "number.part", "lines[].x", "[", "number[0]"])
def test_an_answer_to_no_field_is_told_without_its_value(a_batch, apply, path, stored):
    metadata = "s3://documents/out/j/job_metadata.json"
    place = {"custom_output_path": "s3://documents/out/j/result.json"}
    a_batch.put(
        metadata, json.dumps({"job_id": "j", "output_metadata": [{"segment_metadata": [place]}]}).encode()
    )
    a_batch.put(place["custom_output_path"], json.dumps({"inference_result": VALUES}).encode())
    with pytest.raises(BdaInputError, match="answers: ") as raised:
        apply({"output_s3_uri": metadata}, {"fields": {path: "SECRET"}})
    assert "SECRET" not in str(raised.value)
    assert stored("s3://documents/corrected/j/job_metadata.json") is None


def test_a_form_shows_what_is_in_question_first_and_no_markup_of_the_document(a_batch, aws, context):
    metadata = "s3://documents/out/j/job_metadata.json"
    place = {"custom_output_path": "s3://documents/out/j/result.json"}
    values = {"a": "x | [click](http://e.vil)\n# big", "total": 5}
    a_batch.put(
        metadata, json.dumps({"job_id": "j", "output_metadata": [{"segment_metadata": [place]}]}).encode()
    )
    a_batch.put(
        place["custom_output_path"],
        json.dumps({"inference_result": values, "explainability_info": [{"total": sure(5, 0.5)}]}).encode(),
    )
    results = BedrockDataAutomationRuntimeHook().get_results(metadata)
    line = {"fields": [{"segment": 0, "path": "total", "reason": "low_confidence"}]}
    _, _, first, second = form_of(results, line).splitlines()
    assert first == "| total | 5 | 0.50 | 2 | low confidence |"
    assert second == r"| a | x \| \[click\](http://e.vil) \# big |  |  |  |"
