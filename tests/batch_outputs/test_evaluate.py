"""How good results are, by hand-counted cases; and that a gate closes where they are worse."""

from __future__ import annotations

import json

import pytest

from airflow_provider_bda.batch.finish import finish_batch
from airflow_provider_bda.evaluation import Scores, date, drift_of, exact, fuzzy, number
from airflow_provider_bda.exceptions import BdaGateError, BdaInputError
from airflow_provider_bda.hooks.base import BdaBaseHook
from airflow_provider_bda.operators.evaluation import BdaEvaluateOperator
from tests.operators.conftest import make_clients_quick

REPORT = "s3://documents/report"


@pytest.mark.parametrize(
    ("rule", "found", "true", "alike"),
    [
        (exact(), " INV-7 ", "INV-7", True),
        (exact(), "inv-7", "INV-7", False),
        (exact(), "12.50", 12.5, True),
        (exact(), True, "true", True),
        (exact(), 1, True, False),
        (number(), 0.1 + 0.2, 0.3, True),
        (number(), 12.51, 12.5, False),
        (number(0.01), 12.51, 12.5, True),
        (number(relative=0.1), 109, 100, True),
        (number(relative=0.1), 111, 100, False),
        (number(), "n/a", "n/a", True),
        (number(1), "n/a", 5, False),
        (date(), "Jan 3, 2026", "2026-01-03", True),
        (date(), "03/01/2026", "2026-01-03", False),
        (date(day_first=True), "03/01/2026", "3 January 2026", True),
        (date(), "soon", "soon", False),
        (fuzzy(), "Brick  LTD.", "brick ltd", True),
        (fuzzy(0.99), "Brick LTD.", "brick ltd", False),
        (fuzzy(0.5), "Steel GmbH", "brick ltd", False),
    ],
)
def test_a_rule_says_whether_two_values_are_alike(rule, found, true, alike):
    assert rule.alike(found, true) is alike


def counted(scores, path):
    of = scores.to_json()["fields"][path]
    return tuple(of[name] for name in ("right", "wrong", "missing", "spurious"))


def test_measures_are_those_counted_by_hand():
    scores = Scores()
    truth = {"a": "1", "b": "2", "c": "", "d": "4"}
    scores.add("one", 0, {"a": "1", "b": "x", "c": "made up", "unasked": "!"}, truth)
    scores.add("two", 0, {"a": "1", "b": "2", "c": ""}, truth)
    assert [counted(scores, name) for name in "abcd"] == [
        (2, 0, 0, 0),
        (1, 1, 0, 0),
        (0, 0, 0, 1),
        (0, 0, 2, 0),
    ]
    overall = scores.to_json()["overall"]
    # 3 right, 1 wrong, 2 missing, 1 made up, 1 rightly empty.
    assert overall["precision"] == pytest.approx(3 / 5)
    assert overall["recall"] == pytest.approx(3 / 6)
    assert overall["f1"] == pytest.approx(2 * 0.6 * 0.5 / 1.1, abs=1e-6)
    assert overall["accuracy"] == pytest.approx(4 / 8)
    assert {(item["document"], item["field"], item["what"]) for item in scores.mistakes} == {
        ("one", "b", "wrong"), ("one", "c", "spurious"), ("one", "d", "missing"), ("two", "d", "missing")
    }  # fmt: skip
    assert "made up" not in json.dumps(scores.mistakes)


def test_a_row_left_out_of_a_table_shifts_no_other():
    true = {
        "lines": [{"what": name, "amount": at} for at, name in enumerate(["bolts", "nuts", "wire"])],
        "tags": ["a", "b"],
    }
    scores = Scores({"lines[].what": fuzzy(0.8)})
    found = {
        "lines": [{"what": "nuts", "amount": 1}, {"what": "wires", "amount": 9}, {"what": "", "amount": ""}],
        "tags": ["b"],
    }
    scores.add("one", 0, found, true)
    assert counted(scores, "lines[].what") == (2, 0, 1, 0)
    assert counted(scores, "lines[].amount") == (1, 1, 1, 0)
    assert counted(scores, "tags[]") == (1, 0, 1, 0)
    scores = Scores()
    scores.add("one", 0, {"lines": [{"what": "x", "amount": 0, "deep": {"y": [1]}}]}, {"lines": []})
    assert counted(scores, "lines[].what") == (0, 0, 0, 1)
    assert counted(scores, "lines[].deep.y[]") == (0, 0, 0, 1)


def test_an_object_or_list_of_empty_values_is_empty():
    nothing = {"street": "", "lines": [{"amount": ""}]}
    scores = Scores()
    scores.add("one", 0, {"address": nothing, "tags": [""]}, {"address": None, "tags": ""})
    scores.add("two", 0, {"address": "", "tags": ""}, {"address": {}, "tags": [""]})
    assert counted(scores, "address") == (0, 0, 0, 0)
    assert counted(scores, "tags") == (0, 0, 0, 0)
    scores.add("three", 0, {"address": {"street": "made up"}}, {"address": {}})
    assert counted(scores, "address.street") == (0, 0, 0, 1)


@pytest.fixture
def results(aws, a_batch, monkeypatch):
    """Leave a batch's results: document -> what was extracted; answer the batch."""
    make_clients_quick(monkeypatch)

    def results(name, values):
        uri = a_batch.uri.replace("a-batch", name)
        lines = []
        for document, found in values.items():
            root = f"s3://documents/out/{name}-{document}"
            body = {"matched_blueprint": {"arn": "arn:b", "name": "invoice"}, "inference_result": found}
            a_batch.put(f"{root}/result.json", json.dumps(body).encode())
            segment = {"custom_output_path": f"{root}/result.json", "custom_output_status": "MATCH"}
            meta = {"job_id": document, "output_metadata": [{"segment_metadata": [segment]}]}
            a_batch.put(f"{root}/job_metadata.json", json.dumps(meta).encode())
            row = a_batch.made(
                document, output_s3_uri=f"{root}/job_metadata.json", custom_output_status=("MATCH",)
            )
            lines.append(json.dumps(row.to_json()))
        a_batch.put(f"{uri}/batch.json", b"{}")
        a_batch.put(f"{uri}/results/part-00000.jsonl", "\n".join(lines).encode())
        return {"batch_s3_uri": uri}

    return results


def evaluate(**options):
    operator = BdaEvaluateOperator(**{"task_id": "t", "report_s3_uri": REPORT, **options})
    return operator.execute({})


TRUTH = [
    {"document_id": "one", "fields": {"number": "SECRET-1", "total": 10}},
    {"input_s3_uri": "s3://documents/in/two.pdf", "fields": {"number": "SECRET-2", "total": 20}},
]
GOOD = {"one": {"number": "SECRET-1", "total": 10}, "two": {"number": "SECRET-2", "total": 20.004}}
WORSE = {"one": {"number": "SECRET-1", "total": 10}, "two": {"number": "SECRET-X", "total": 20}}


def test_a_candidate_as_good_as_the_baseline_passes_and_leaves_both_reports(results, stored):
    candidate, baseline = results("new", GOOD), results("old", WORSE)
    told = evaluate(
        candidate=candidate,
        baseline=baseline,
        ground_truth=TRUTH,
        rules={"total": number(0.01)},
        min_score=1.0,
    )
    assert (told["passed"], told["documents"], told["absent"]) == (True, 2, 0)
    assert (told["score"]["f1"], told["fields"], told["change"]) == (1.0, {"number": 1.0, "total": 1.0}, 0.25)
    report = json.loads(stored(told["report_s3_uri"]))
    assert report["change"]["fields"] == {"number": 0.5, "total": 0.0}
    page = stored(told["markdown_s3_uri"]).decode()
    assert "**Passed.**" in page
    assert "| number | 2 | 2 | 0 | 0 | 0 | 1.000 | +0.500 |" in page
    assert "SECRET" not in page + json.dumps(report)


def test_a_regression_over_the_margin_fails_after_the_report_is_written(results, stored):
    candidate, baseline = results("new", WORSE), results("old", GOOD)
    options = {
        "candidate": candidate,
        "baseline": baseline,
        "ground_truth": TRUTH,
        "rules": {"total": number(0.01)},
    }
    with pytest.raises(BdaGateError, match=r"f1 changed by -0.25, allowed are -0.02.*evaluation.md"):
        evaluate(**options)
    assert "**Not passed.**" in stored(f"{REPORT}/evaluation.md").decode()
    with pytest.raises(BdaGateError, match=r"f1 of number changed by -0.5, allowed are -0.3"):
        evaluate(**options, max_regression=None, max_field_regression=0.3)
    assert evaluate(**options, max_regression=0.25)["change"] == -0.25
    with pytest.raises(BdaGateError, match=r"recall is 0.75, wanted are 0.9"):
        evaluate(candidate=candidate, ground_truth=TRUTH, metric="recall", min_score=0.9)


def test_a_field_that_is_never_found_any_more_is_a_regression_in_any_metric(results):
    lost = {name: {**values, "number": ""} for name, values in GOOD.items()}
    with pytest.raises(BdaGateError, match="precision of number is not known, the baseline's is 1"):
        evaluate(
            candidate=results("new", lost),
            baseline=results("old", GOOD),
            ground_truth=TRUTH,
            rules={"total": number(0.01)},
            metric="precision",
            max_field_regression=0.9,
        )


def test_a_bucket_that_is_not_there_is_told(results):
    with pytest.raises(BdaInputError, match=r"there is no s3://nowhere/evaluation\.json"):
        evaluate(candidate=results("new", GOOD), ground_truth=TRUTH, report_s3_uri="s3://nowhere")


def test_an_earlier_report_is_a_baseline(results):
    kept = evaluate(
        candidate=results("old", GOOD),
        ground_truth=TRUTH,
        rules={"total": number(0.01)},
        report_s3_uri=f"{REPORT}/old",
    )
    with pytest.raises(BdaGateError, match=r"changed by -0\.25"):
        evaluate(candidate=results("new", WORSE), ground_truth=TRUTH, baseline=kept["report_s3_uri"])


def test_truth_is_read_from_a_prefix_and_a_document_without_result_counts_against(results, a_batch):
    a_batch.put("s3://documents/truth/1-0.json", json.dumps(TRUTH[0]["fields"]).encode())
    line = {"document_id": "one", "segment": 0, "ground_truth_s3_uri": "s3://documents/truth/1-0.json"}
    a_batch.put("s3://documents/truth/1-0.jsonl", json.dumps(line).encode())
    a_batch.put(
        "s3://documents/truth/more.jsonl",
        json.dumps({"document_id": "three", "fields": {"number": "3"}}).encode(),
    )
    told = evaluate(candidate=results("new", GOOD), ground_truth="s3://documents/truth/", metric="recall")
    assert (told["documents"], told["absent"]) == (2, 1)
    assert told["score"]["recall"] == pytest.approx(2 / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("truth", "words"),
    [
        ([], "there is none"),
        ([{"fields": {}}], "entry 0: it names no document"),
        ([{"document_id": "one", "fields": ["SECRET"]}], "entry 0: it has no fields"),
        (
            [{"document_id": "one", "segment": -1, "fields": {}}],
            "entry 0: segment: -1 is no whole number from 0",
        ),
        ([{"document_id": "one", "segment": "x", "fields": {}}], "entry 0: segment: 'x' is no whole number"),
        ("s3://documents/broken.jsonl", "broken.jsonl, line 2: this is no JSON"),
        ("s3://documents/nowhere.jsonl", "there is no s3://documents/nowhere.jsonl"),
        ([{"document_id": "nobody", "fields": {"number": "1"}}], "a result of none of the 1 documents"),
    ],
)
def test_truth_that_is_none_is_told(results, a_batch, truth, words):
    a_batch.put("s3://documents/broken.jsonl", b'{"document_id": "one", "fields": {}}\nSECRET')
    with pytest.raises(BdaInputError, match=words) as raised:
        evaluate(candidate=results("new", GOOD), ground_truth=truth)
    assert "SECRET" not in str(raised.value)


def test_two_summaries_that_differ_are_a_drift_and_fail_only_where_a_limit_is(results, stored):
    old = results("old", {str(n): {"number": "1", "total": 5, "gone": "x"} for n in range(4)})
    new = results("new", {str(n): {"number": "1" if n else "", "total": 5, "fresh": "y"} for n in range(4)})
    for batch in (old, new):
        finish_batch(BdaBaseHook(), batch["batch_s3_uri"])
    told = evaluate(candidate=new, baseline=old["batch_s3_uri"])
    assert (told["passed"], told["drifted"]) == (True, [])
    report = json.loads(stored(told["report_s3_uri"]))["drift"]
    assert report["blueprints"]["invoice"]["fields"]["number"]["fill_rate"] == [1.0, 0.75, -0.25]
    assert report["only_in"] == {"candidate": ["invoice.fresh"], "baseline": ["invoice.gone"]}
    with pytest.raises(BdaGateError, match=r"invoice.number.fill_rate is further than 0.2"):
        evaluate(candidate=new, baseline=old, max_drift=0.2)
    assert evaluate(candidate=new, baseline=old, max_drift=0.3)["drifted"] == []
    assert "| invoice.number.fill_rate | 1.000 | 0.750 | -0.250 |" in stored(told["markdown_s3_uri"]).decode()


def test_versions_of_a_blueprint_are_one_in_a_drift():
    def summary(*parts):
        blueprints = [
            {"name": "b", "arn": "a", "version": str(at), "segments": count, "match_rate": count / 10,
             "mean_confidence": None, "fields": {"x": {"fill_rate": rate, "mean_confidence": None}}}
            for at, (count, rate) in enumerate(parts)
        ]  # fmt: skip
        return {
            "succeeded": 9,
            "failed": 1,
            "rejected": 0,
            "blueprints": blueprints,
            "custom_output_status": {"MATCH": 10},
        }

    drift = drift_of(summary((5, 1.0), (5, 0.5)), {**summary((10, 1.0)), "failed": 11}, 0.2)
    assert drift["blueprints"]["b"]["fields"]["x"]["fill_rate"] == (1.0, 0.75, -0.25)
    assert drift["blueprints"]["b"]["match_rate"] == (1.0, 1.0, 0.0)
    assert drift["shares"]["failed"] == (0.55, 0.1, -0.45)
    assert drift["drifted"] == ["b.x.fill_rate", "failed", "succeeded"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "there must be a baseline"),
        ({"baseline": "s3://b/x", "min_score": 0.5}, "they need ground_truth"),
        ({"ground_truth": [], "max_drift": 0.5}, "max_drift: it is for two batches"),
        ({"ground_truth": [], "metric": "bleu"}, "metric: 'bleu'"),
        ({"ground_truth": [], "min_score": 90}, "min_score: 90 is no share"),
        ({"ground_truth": [], "rules": {"a": "fuzzy"}}, r"rules\['a'\]: 'fuzzy' is no rule"),
        ({"ground_truth": [], "report_s3_uri": "report"}, "report_s3_uri"),
    ],
)
def test_an_argument_that_cannot_work_is_told_when_the_dag_is_parsed(options, words):
    with pytest.raises(BdaInputError, match=words):
        BdaEvaluateOperator(**{"task_id": "t", "candidate": "s3://b/x", "report_s3_uri": REPORT, **options})


@pytest.mark.parametrize(
    "make",
    [lambda: fuzzy(90), lambda: number(-1), lambda: number(relative=True)],
    ids=["fuzzy", "tolerance", "relative"],
)
def test_a_rule_that_cannot_work_is_told(make):
    with pytest.raises(BdaInputError):
        make()
