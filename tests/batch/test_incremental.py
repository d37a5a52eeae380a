"""What is bought again when blueprints change, and what a try that only looks leaves behind."""

from __future__ import annotations

import json

import pytest

from airflow_provider_bda.batch import engine as engine_module
from airflow_provider_bda.batch.project_state import name_of, request_of, state_of_job
from airflow_provider_bda.operators._batch_try import BatchTry
from airflow_provider_bda.operators.batch import BdaBatchOperator
from tests.batch.conftest import LIMIT
from tests.fakes import FakeRun, live_through
from tests.pdf import a_pdf

INDEX = {"state_s3_uri": "s3://documents/index", "create_index": True}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(engine_module, "INTERVAL", (0.05, 0.1))


@pytest.fixture
def blueprint(aws):
    """Make a blueprint of that name; answer a function that makes a new version of it, and its ARN."""
    control = aws.client("bedrock-data-automation")

    def schema(instruction):
        field = {"type": "string", "inferenceType": "explicit", "instruction": instruction}
        return json.dumps(
            {
                "class": "invoice",
                "description": "one",
                "type": "object",
                "definitions": {},
                "properties": {"n": field},
            }
        )

    def make(name):
        arn = control.create_blueprint(blueprintName=name, type="DOCUMENT", schema=schema("the number"))[
            "blueprint"
        ]["blueprintArn"]

        def change():
            control.update_blueprint(blueprintArn=arn, schema=schema("the other number"))
            control.create_blueprint_version(blueprintArn=arn)

        return arn, change

    return make


@pytest.fixture
def live(aws):
    """Live through a try of the run of that name over three documents, on the worker; answer what it bought."""
    for n in range(3):
        aws.client("s3").put_object(Bucket="documents", Key=f"in/{n}.pdf", Body=a_pdf(n))
    runs = {}

    def make(run_id, **arguments):
        def operator(**more):
            settings = {
                "task_id": "a_task",
                "source": "s3://documents/lists/all.jsonl",
                "output_s3_uri": "s3://documents/out",
                "deferrable": False,
            }
            return BdaBatchOperator(**{**settings, **INDEX, **arguments, **more})

        run = runs.setdefault(run_id, FakeRun(operator, run_id=run_id))
        if run.tries:
            run.clear()
        _, context = run.next_try()
        before = len(aws.jobs())
        live_through(lambda: operator(retries=0), context, LIMIT)
        return sorted(job.input_uri.rsplit("/", 1)[1] for job in aws.jobs()[before:])

    return make


def test_a_new_version_of_a_blueprint_buys_what_it_made_again_and_nothing_else(aws, live, blueprint):
    (ours, change_ours), (theirs, change_theirs) = blueprint("ours"), blueprint("theirs")
    lines = [{"input_s3_uri": f"s3://documents/in/{n}.pdf", "etag": str(n)} for n in range(3)]
    lines[0]["blueprints"] = ["theirs"]
    body = "\n".join(map(json.dumps, lines)).encode()
    aws.client("s3").put_object(Bucket="documents", Key="lists/all.jsonl", Body=body)
    everything = ["0.pdf", "1.pdf", "2.pdf"]
    assert live("one", blueprints=[ours]) == everything
    assert live("two", blueprints=[ours]) == []
    change_theirs()
    assert live("three", blueprints=[ours]) == ["0.pdf"]
    change_ours()
    # A clear that buys everything again tells the index under the version that made it.
    assert live("one", blueprints=[ours], redrive="all", on_project_change="warn") == everything
    assert live("four", blueprints=[ours]) == []
    assert theirs != ours


def at(minute):
    return f"2026-11-22T10:{minute:02}:00+00:00"


def seconds(minute):
    from datetime import datetime

    return datetime.fromisoformat(at(minute)).timestamp()


def held(project, *blueprints):
    return {
        "project": at(project),
        "blueprints": [
            {"arn": arn, "version": version, "modified": at(minute)} for arn, version, minute in blueprints
        ],
    }


@pytest.mark.parametrize(
    ("now", "submitted", "is_new"),
    [
        (held(0, ("a", "1", 0)), 5, False),
        (held(0, ("a", "2", 10)), 9, False),
        (held(0, ("a", "2", 10)), 11, True),
        (held(20, ("a", "2", 10)), 15, False),
        (held(20, ("a", "1", 0), ("b", "1", 1)), 21, True),
        ({}, 50, False),
    ],
)
def test_a_job_was_made_by_what_held_when_it_was_submitted(now, submitted, is_new):
    before = held(0, ("a", "1", 0))
    assert state_of_job(before, now, seconds(submitted)) == (now if is_new else before)
    assert state_of_job(before, now, None) == before


def test_what_a_request_names_is_found_again_by_its_name():
    request = {
        "blueprints": [{"blueprintArn": "a"}],
        "dataAutomationConfiguration": {"dataAutomationProjectArn": "p"},
    }
    assert request_of(name_of({**request, "tags": []})) == request
    assert request_of(name_of({})) == {}


def test_a_dry_run_that_may_make_an_index_makes_none(aws, live, blueprint):
    ours, _ = blueprint("ours")
    source = [f"s3://documents/in/{n}.pdf" for n in range(3)]
    keys = {item["Key"] for item in aws.client("s3").list_objects_v2(Bucket="documents")["Contents"]}
    assert live("one", source=source, blueprints=[ours], dry_run=True) == []
    assert {item["Key"] for item in aws.client("s3").list_objects_v2(Bucket="documents")["Contents"]} == keys


class Quotas:
    """Service Quotas, of which one account has more documents at once."""

    def get_service_quota(self, *, ServiceCode, QuotaCode):  # noqa: N803 - as boto3 has it
        assert ServiceCode == "bedrock"
        return {"Quota": {"Value": {"L-9E3C255A": 60.0}.get(QuotaCode, 20.0)}}


def test_the_applied_quota_is_told_and_makes_the_window_else_the_default(aws, live, blueprint, monkeypatch):
    from airflow_provider_bda.hooks.base import BdaBaseHook

    ours, _ = blueprint("ours")
    operator = BdaBatchOperator(
        task_id="a_task", source=["s3://documents/in/0.pdf"], output_s3_uri="s3://documents/out", blueprints=[ours],
        dry_run=True,
    )  # fmt: skip
    _, context = FakeRun(lambda **_: operator).next_try()
    told = operator.execute(context)["estimate"]
    assert (told["shares"][0]["slots"], "default quota" in told["slots_source"]) == (25, True)
    assert "allow servicequotas:GetServiceQuota" in told["slots_source"]
    real = BdaBaseHook.client_of
    monkeypatch.setattr(
        BdaBaseHook,
        "client_of",
        lambda hook, service, config=None: (
            Quotas() if service == "service-quotas" else real(hook, service, config)
        ),
    )
    told = operator.execute(context)["estimate"]
    assert (told["shares"][0]["slots"], told["slots_source"]) == (60, "the applied quota")
    assert BatchTry(operator, operator.target).slots.windows(None) == {
        "document": 120,
        "image": 40,
        "audio": 40,
        "video": 40,
    }
    assert BatchTry(operator, operator.target).slots.windows(3)["document"] == 3


def test_every_file_of_a_batch_carries_its_tags(aws, live, blueprint):
    ours, _ = blueprint("ours")
    source = [f"s3://documents/in/{n}.pdf" for n in range(3)]
    live("one", source=source, blueprints=[ours], output_tags={"team": "claims + co"})
    s3 = aws.client("s3")
    keys = [
        item["Key"] for item in s3.list_objects_v2(Bucket="documents", Prefix="out/_batches/")["Contents"]
    ]
    kinds = {key.split("/", 3)[3].split("/")[0] for key in keys}
    assert kinds >= {
        "batch.json",
        "closed",
        "ledger",
        "manifest",
        "progress.json",
        "results",
        "runs",
        "summary.json",
    }
    for key in keys:
        tags = s3.get_object_tagging(Bucket="documents", Key=key)["TagSet"]
        assert tags == [{"Key": "team", "Value": "claims + co"}], key
