"""BdaBatchOperator as a Dag author meets it: what it returns, what it refuses, what a retry and a clear do again."""

from __future__ import annotations

import json

import pytest

from airflow_provider_bda.batch import S3Prefix, iter_results
from airflow_provider_bda.batch import engine as engine_module
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.exceptions import BdaBatchError, BdaEventError, BdaInputError
from airflow_provider_bda.operators.batch import BdaBatchOperator
from tests.batch.conftest import LIMIT
from tests.fakes import FakeRun, live_through
from tests.pdf import a_pdf

OUTPUT = "s3://documents/out"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(engine_module, "INTERVAL", (0.05, 0.1))


@pytest.fixture
def public_blueprint(aws):
    return f"arn:aws:bedrock:{aws.region}:aws:blueprint/bedrock-data-automation-public-invoice"


@pytest.fixture(params=[True, False], ids=["deferrable", "on the worker"])
def deferrable(request):
    return request.param


@pytest.fixture
def documents(aws):
    """Put so many documents on S3; answer their URIs."""

    def make(count, suffix="pdf"):
        s3 = aws.client("s3")
        keys = [f"in/{n:03d}.{suffix}" for n in range(count)]
        for n, key in enumerate(keys):
            s3.put_object(Bucket="documents", Key=key, Body=a_pdf(n))
        return [f"s3://documents/{key}" for key in keys]

    return make


def factory(blueprint, **arguments):
    def make(**more):
        settings = {"task_id": "a_task", "output_s3_uri": OUTPUT, "blueprints": [blueprint], **arguments}
        return BdaBatchOperator(**{**settings, **more})

    return make


def live(make, run=None):
    run = run or FakeRun(make)
    _, context = run.next_try()
    return live_through(lambda: make(retries=run.retries), context, LIMIT)


def test_a_prefix_becomes_results(aws, documents, public_blueprint, deferrable):
    documents(12)
    make = factory(
        public_blueprint, source=S3Prefix("s3://documents/in/", suffix=".pdf"), deferrable=deferrable
    )
    run = FakeRun(make)
    result = live(make, run)
    assert {
        name: result[name] for name in ("total", "succeeded", "failed", "rejected", "skipped", "remaining")
    } == {
        "total": 12,
        "succeeded": 12,
        "failed": 0,
        "rejected": 0,
        "skipped": 0,
        "remaining": 0,
    }
    assert result["jobs_submitted"] == len(aws.jobs()) == 12
    assert result["batch_s3_uri"] == f"{OUTPUT}/_batches/{result['batch_id']}"
    rows = list(iter_results(result["batch_s3_uri"]))
    assert [row.status for row in rows] == ["succeeded"] * 12
    assert min(row.input_s3_uri for row in rows) == "s3://documents/in/000.pdf"
    assert rows[0].blueprint_arn == public_blueprint
    assert run.ti.xcoms["bda_batch"]["batch_s3_uri"] == result["batch_s3_uri"]
    assert [list(iter_results(part)) for part in result["result_parts"]] == [rows]


def test_failures_name_the_commonest_reason_what_helps_and_where_the_rest_lies(
    aws, documents, public_blueprint
):
    uris = documents(4)
    aws.fault(Fault(input_uri=uris[2], job_status="ClientError", error_type="Bad", message="no pages"))
    make = factory(public_blueprint, source=uris)
    with pytest.raises(BdaBatchError) as failed:
        live(make)
    words = str(failed.value)
    assert "1 of 4 documents failed, tolerated are 0" in words
    assert "3 succeeded, 0 failed, 1 rejected, 0 were not done" in words
    assert "Bad: no pages" in words
    assert "clear" in words.splitlines()[-2]
    assert words.splitlines()[-1].count("failures.jsonl") == 1
    assert (
        live(
            factory(public_blueprint, source=uris, tolerated_failures=1, task_id="b"),
            FakeRun(factory(public_blueprint, source=uris, tolerated_failures=1, task_id="b"), task_id="b"),
        )["rejected"]
        == 1
    )


def test_a_retry_buys_only_what_was_lost_and_a_clear_what_did_not_succeed(aws, documents, public_blueprint):
    uris = documents(6)
    broken = Fault(input_uri=uris[1], job_status="ServiceError", message="sorry")
    rejected = Fault(input_uri=uris[2], job_status="ClientError", message="no pages")
    aws.fault(broken)
    aws.fault(rejected)
    make = factory(public_blueprint, source=uris, max_retries_per_document=0)
    run = FakeRun(make, retries=1)
    with pytest.raises(BdaBatchError, match="2 of 6"):
        live(make, run)
    assert len(aws.jobs()) == 6
    aws.clear_faults()
    with pytest.raises(BdaBatchError, match="1 of 6"):
        live(make, run)
    assert len(aws.jobs()) == 7
    run.clear()
    result = live(make, run)
    assert (result["succeeded"], result["jobs_submitted"], len(aws.jobs())) == (6, 8, 8)
    run.clear()
    assert live(make, run)["jobs_submitted"] == 8
    run.clear()
    everything = factory(public_blueprint, source=uris, redrive="all")
    assert live(everything, run)["jobs_submitted"] == 14


def test_files_that_cannot_go_are_rejected_before_anything_is_bought(aws, documents, public_blueprint):
    s3 = aws.client("s3")
    s3.put_object(Bucket="documents", Key="in/empty.pdf", Body=b"")
    s3.put_object(Bucket="documents", Key="in/talk.mp3", Body=b"x")
    s3.put_object(Bucket="documents", Key="in/notes.zip", Body=b"x")
    uris = [*documents(1), *(f"s3://documents/in/{name}" for name in ("empty.pdf", "talk.mp3", "notes.zip"))]
    make = factory(public_blueprint, source=uris, modalities=["document"], tolerated_rejections=3)
    result = live(make)
    assert (result["succeeded"], result["rejected"], len(aws.jobs())) == (1, 3, 1)
    reasons = {
        row.input_s3_uri.rsplit("/", 1)[-1]: row.error_message
        for row in iter_results(result["batch_s3_uri"])
        if row.status == "rejected"
    }
    assert reasons["empty.pdf"].startswith("empty file")
    assert reasons["talk.mp3"].startswith("wrong modality")
    assert reasons["notes.zip"].startswith("unsupported file")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"input_s3_uri": "s3://documents/in/1.pdf"}\n{"input_s3_uri": 7}\n', "line 2"),
        (b"no json\n", "line 1"),
    ],
)
def test_a_wrong_manifest_line_buys_nothing(aws, documents, public_blueprint, body, words):
    documents(2)
    aws.client("s3").put_object(Bucket="documents", Key="lists/a.jsonl", Body=body)
    with pytest.raises(BdaInputError, match=words):
        live(factory(public_blueprint, source="s3://documents/lists/a.jsonl"))
    assert aws.jobs() == []
    found = aws.client("s3").list_objects_v2(Bucket="documents", Prefix="out/")
    assert not [item["Key"] for item in found.get("Contents", []) if item["Key"].endswith("batch.json")]


def test_a_manifest_may_say_more_of_each_document(aws, documents, public_blueprint, made):
    uris = documents(2)
    lines = [
        {"input_s3_uri": uris[0], "document_id": "first", "customer": 7},
        {"input_s3_uri": uris[1], "document_id": "second", "project": "invoices", "tags": {"who": "me"}},
    ]
    body = "\n".join(map(json.dumps, lines)).encode()
    aws.client("s3").put_object(Bucket="documents", Key="lists/a.jsonl", Body=body)
    result = live(factory(public_blueprint, source="s3://documents/lists/a.jsonl"))
    rows = {row.document_id: row for row in iter_results(result["batch_s3_uri"])}
    assert rows["first"].extra == {"customer": 7}
    own = next(job for job in aws.jobs() if job.input_uri == uris[1]).request
    assert own["dataAutomationConfiguration"]["dataAutomationProjectArn"] == made["project"][1]
    assert {"key": "who", "value": "me"} in own["tags"]


@pytest.fixture
def made(aws):
    control = aws.client("bedrock-data-automation")
    project = control.create_data_automation_project(projectName="invoices", standardOutputConfiguration={})
    return {"project": ("invoices", project["projectArn"])}


def test_only_what_no_batch_has_processed_is_bought(aws, documents, public_blueprint):
    uris = documents(5)
    index = {"state_s3_uri": "s3://documents/index"}
    with pytest.raises(BdaInputError, match="create_index=True"):
        live(factory(public_blueprint, source=uris, **index))
    first = factory(public_blueprint, source=uris[:3], create_index=True, **index)
    assert live(first, FakeRun(first, run_id="one"))["succeeded"] == 3
    second = factory(public_blueprint, source=uris, **index)
    result = live(second, FakeRun(second, run_id="two"))
    assert (result["total"], result["succeeded"], result["skipped"], len(aws.jobs())) == (5, 2, 3, 5)
    third = factory(public_blueprint, source=uris, project_stage="DEVELOPMENT", skip_processed=False, **index)
    assert live(third, FakeRun(third, run_id="three"))["succeeded"] == 5


def test_a_failed_document_is_bought_by_a_clear_unless_another_batch_has_it_by_then(
    aws, documents, public_blueprint
):
    uris = documents(3)
    settings = {"state_s3_uri": "s3://documents/index", "create_index": True}
    aws.fault(Fault(input_uri=uris[1], job_status="ClientError", message="no pages"))
    aws.fault(Fault(input_uri=uris[2], job_status="ClientError", message="no pages"))
    first = factory(public_blueprint, source=uris, **settings)
    run = FakeRun(first, run_id="one")
    with pytest.raises(BdaBatchError, match="2 of 3"):
        live(first, run)
    aws.clear_faults()
    second = factory(public_blueprint, source=uris[:2], **settings)
    assert live(second, FakeRun(second, run_id="two"))["succeeded"] == 1
    bought = len(aws.jobs())
    run.clear()
    result = live(first, run)
    assert (result["succeeded"], result["skipped"], result["remaining"]) == (2, 1, 0)
    assert len(aws.jobs()) == bought + 1


def test_a_dry_run_leaves_nothing_behind(aws, documents, public_blueprint):
    uris = documents(4)
    result = live(factory(public_blueprint, source=uris, dry_run=True))
    assert (result["total"], result["remaining"], result["jobs_submitted"]) == (4, 4, 0)
    assert aws.jobs() == []
    assert not aws.client("s3").list_objects_v2(Bucket="documents", Prefix="out/").get("Contents")


def test_a_portion_is_a_success_with_documents_remaining(aws, documents, public_blueprint):
    result = live(factory(public_blueprint, source=documents(5), max_documents=2))
    assert (result["succeeded"], result["remaining"], len(aws.jobs())) == (2, 3, 2)


def test_a_refused_batch_says_what_the_service_said(aws, documents, public_blueprint):
    aws.fault(
        Fault(operation="InvokeDataAutomationAsync", error="AccessDeniedException", message="not yours")
    )
    with pytest.raises(BdaBatchError, match="AccessDeniedException: not yours"):
        live(factory(public_blueprint, source=documents(5)))
    assert aws.jobs() == []


def test_a_changed_project_is_told_or_fails_the_batch(aws, documents, made, public_blueprint):
    uris = documents(2)
    arguments = {"source": uris, "project": "invoices", "on_project_change": "fail"}
    make = factory(public_blueprint, **arguments)
    run = FakeRun(make)
    live(make, run)
    aws.client("bedrock-data-automation").update_data_automation_project(
        projectArn=made["project"][1], standardOutputConfiguration={}, projectDescription="another"
    )
    run.clear()
    with pytest.raises(BdaBatchError, match="the project was modified"):
        live(make, run)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"output_s3_uri": "documents/out"}, "output_s3_uri: 'documents/out' is not an S3 URI"),
        ({"source": "s3://documents/in"}, "source"),
        ({"skip_processed": True}, "skip_processed: it needs state_s3_uri"),
        ({"max_open_jobs": 0}, "max_open_jobs: 0 is no whole number above 0"),
        ({"redrive": "some"}, "redrive: 'some' is not one of failed, all, none"),
        ({"blueprints": None}, "project, blueprints: neither is given"),
        ({"waiter_delay": 3}, "waiter_delay"),
    ],
)
def test_bad_arguments_are_refused_when_the_dag_is_read(public_blueprint, arguments, words):
    with pytest.raises(BdaInputError, match=words):
        factory(public_blueprint, **{"source": ["s3://documents/in/1.pdf"], **arguments})()


def test_a_foreign_event_is_no_outcome(aws, documents, public_blueprint):
    with pytest.raises(BdaEventError):
        factory(public_blueprint, source=documents(1))().execute_complete({}, {"status": "success"})


def test_a_trigger_that_failed_says_that_a_retry_goes_on(public_blueprint):
    op = factory(public_blueprint, source=["s3://documents/in/1.pdf"])()
    with pytest.raises(BdaBatchError, match="a retry goes on where the ledger ends"):
        op.resume_execution("__fail__", {"error": "Trigger timeout"}, {})


def test_money_is_a_limit_and_a_template_renders_in_the_task_own_source(aws, documents, public_blueprint):
    documents(5)
    source = S3Prefix("s3://documents/{{ folder }}/")
    make = factory(public_blueprint, source=source, max_cost_usd=0.1)
    op = make()
    op.render_template_fields({"folder": "in"})
    assert (op.source.uri, source.uri) == ("s3://documents/in/", "s3://documents/{{ folder }}/")
    result = live(
        factory(public_blueprint, source="s3://documents/in/", max_cost_usd=0.1, tolerated_rejections=1)
    )
    assert (result["succeeded"], result["remaining"], result["estimated_cost_usd"]) == (2, 3, 0.08)
    with pytest.raises(BdaInputError, match=r"max_cost_usd: 0\.01 pays for no document"):
        live(
            factory(
                public_blueprint,
                source="s3://documents/in/",
                max_cost_usd=0.01,
                output_s3_uri="s3://documents/o",
            )
        )
