"""The policies, held against the calls that reach the emulator: nothing refused, nothing for show."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

import pytest

from airflow_provider_bda.aws import AwsTarget
from airflow_provider_bda.batch.index import ProcessedIndex
from airflow_provider_bda.emulator import Emulator, Settings
from airflow_provider_bda.hooks.bedrock_data_automation import BedrockDataAutomationRuntimeHook
from airflow_provider_bda.iam import Scope, Who, batch_needs, needs, policy
from airflow_provider_bda.iam.__main__ import main
from airflow_provider_bda.iam.page import markdown
from airflow_provider_bda.jobs import JOB_KINDS
from airflow_provider_bda.operators.batch import BdaBatchOperator, BdaPurgeOperator
from airflow_provider_bda.operators.invocation import BdaInvokeOperator
from airflow_provider_bda.triggers.job import JobTrigger
from airflow_provider_bda.waiting import hints
from tests.fakes import FakeRun, in_triggerer, stored
from tests.pdf import a_pdf

PAGE = Path(__file__).parents[1] / "docs" / "iam.md"
S3_ACTIONS = {
    "GET": "s3:GetObject",
    "HEAD": "s3:GetObject",
    "PUT": "s3:PutObject",
    "DELETE": "s3:DeleteObject",
}
#: Nobody needs a permission for it.
FREE = {"sts:GetCallerIdentity"}
#: What the catalogue's kinds of other operators would need.
BDA = needs()


@pytest.fixture
def aws(monkeypatch):
    with Emulator(Settings(duration=0.0)) as aws:
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(aws.connection()))
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="documents")
        s3.put_object(Bucket="documents", Key="in/a.txt", Body=b"Invoice number: 7\n")
        yield aws


@pytest.fixture
def project(aws):
    control = aws.client("bedrock-data-automation")
    extraction = {"granularity": {"types": ["PAGE"]}, "boundingBox": {"state": "DISABLED"}}
    text = {"textFormat": {"types": ["PLAIN_TEXT"]}, "additionalFileFormat": {"state": "DISABLED"}}
    made = control.create_data_automation_project(
        projectName="invoices",
        standardOutputConfiguration={
            "document": {
                "extraction": extraction,
                "generativeField": {"state": "DISABLED"},
                "outputFormat": text,
            }
        },
    )
    return made["projectArn"]


def needed(call):
    """Answer the action and the resource that AWS would check for a recorded call."""
    if call.service == "s3":
        bucket, _, key = call.parameters["path"].strip("/").partition("/")
        return (
            S3_ACTIONS[call.operation] if key else "s3:ListBucket"
        ), f"arn:aws:s3:::{'/'.join(filter(None, (bucket, key)))}"
    if call.service == "sqs":
        # A batch of ten has no action of its own; which queue it was the emulator does not note.
        operation = call.operation.removesuffix("Batch")
        return f"sqs:{operation}", f"arn:aws:sqs:{call.region}:{call.account}:bda-ends"
    prefix = {"sts": "sts", "service-quotas": "servicequotas", "servicequotas": "servicequotas"}.get(
        call.service, "bedrock"
    )
    parameters = call.parameters
    resource = (
        parameters.get("invocationArn")
        or parameters.get("projectArn")
        or parameters.get("dataAutomationProfileArn")
        or "*"
    )
    return f"{prefix}:{call.operation}", resource


def allows(document, action, resource):
    return any(
        action in item["Action"] and any(fnmatchcase(resource, pattern) for pattern in item["Resource"])
        for item in document["Statement"]
    )


def calls_of(aws, act):
    """Answer the calls that something makes."""
    before = len(aws.calls())
    act()
    return [needed(call) for call in aws.calls()[before:]]


def scope(aws, project):
    return Scope(
        state_s3_uri="s3://documents/index",
        region=aws.region,
        account=aws.account,
        project=project,
        input_s3_uri="s3://documents/in/",
        output_s3_uri="s3://documents/out/",
        completion_queue=f"https://sqs.us-east-1.amazonaws.com/{aws.account}/bda-ends",
    )


def whole_life(aws, project, *, deferrable):
    """Run the operator as worker and triggerer do; answer each one's calls."""
    from airflow_provider_bda._compat import TaskDeferred

    def make(**arguments):
        return BdaInvokeOperator(
            task_id="read",
            input_s3_uri="s3://documents/in/a.txt",
            output_s3_uri="s3://documents/out",
            project="invoices",
            poll_interval=0.05,
            deferrable=deferrable,
            **arguments,
        )

    operator, context = FakeRun(make).next_try()
    seen = {}

    def work():
        if not deferrable:
            seen["result"] = operator.execute(context)
            return
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute(context)
        seen["trigger"] = deferred.value.trigger

    async def wait():
        _, kwargs = seen["trigger"].serialize()
        async with asyncio.timeout(30), aclosing(JobTrigger(**kwargs).run()) as events:
            async for event in events:
                seen["event"] = event.payload
                return

    def read():
        result = seen.get("result") or operator.execute_complete(context, seen["event"])
        assert BedrockDataAutomationRuntimeHook().get_results(result["output_s3_uri"]).to_dict()

    return {
        Who.TRIGGERER: [],
        Who.WORKER: calls_of(aws, work),
        **({Who.TRIGGERER: calls_of(aws, lambda: asyncio.run(wait()))} if deferrable else {}),
        "reading": calls_of(aws, read),
    }


def heard(aws, monkeypatch):
    """Read a queue as whoever waits does, until a message that concerns nobody is dropped; answer the calls."""
    monkeypatch.setattr(hints, "LATER_SECONDS", 0)
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="bda-ends")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="foreign")

    async def listen():
        with hints.listening(url, AwsTarget.of(), pytest.fail):
            async with asyncio.timeout(30):
                while not aws.calls("DeleteMessageBatch"):  # noqa: ASYNC110 - it is on another thread
                    await asyncio.sleep(0.01)

    return calls_of(aws, lambda: asyncio.run(listen()))


@pytest.fixture
def recorded(aws, project, monkeypatch):
    """The calls of each process over both ways of waiting, and of the preflight."""
    deferred = whole_life(aws, project, deferrable=True)
    blocking = whole_life(aws, project, deferrable=False)
    hook = BedrockDataAutomationRuntimeHook()
    plan = {
        "project": "invoices",
        "input_s3_uri": "s3://documents/in/",
        "output_s3_uri": "s3://documents/out/",
    }
    return {
        Who.WORKER: [*deferred[Who.WORKER], *blocking[Who.WORKER], *deferred["reading"]],
        Who.TRIGGERER: [*deferred[Who.TRIGGERER], *heard(aws, monkeypatch)],
        Who.API_SERVER: [],
        Who.PREFLIGHT: calls_of(aws, lambda: hook.check(**plan)),
    }


def test_every_call_is_allowed_and_every_action_is_called_or_explained(aws, project, recorded):
    for who, calls in recorded.items():
        document = policy(who, scope(aws, project))
        refused = [call for call in calls if call[0] not in FREE and not allows(document, *call)]
        assert refused == [], f"the policy of the {who} refuses what it does"
        granted = {action for item in document["Statement"] for action in item["Action"]}
        explained = {action for need in BDA if need.by_service for action in need.actions}
        # A name of a blueprint is looked up as that of a project is; one of the two is enough here.
        explained.add("bedrock:ListBlueprints")
        assert granted - {action for action, _ in calls} - explained == set(), f"the {who} never uses it"


def test_the_triggerer_asks_for_the_status_and_for_nothing_else(recorded):
    asked = {action for action, _ in recorded[Who.TRIGGERER] if not action.startswith("sqs:")}
    assert asked == {"bedrock:GetDataAutomationStatus"}


def test_a_policy_of_another_project_prefix_or_account_refuses(aws, project, recorded):
    other = Scope(region="us-east-1", account="999999999999", project="arn:aws:bedrock:us-east-1:9:x/1")
    document = policy(Who.TRIGGERER, other)
    assert not any(allows(document, *call) for call in recorded[Who.TRIGGERER])


def test_what_is_needed_only_sometimes_says_when_and_can_be_left_out():
    least = {item["Sid"] for item in policy(Who.WORKER, Scope(), whole=False)["Statement"]}
    assert least == {"Submit", "Wait", "ReadInput", "WriteOutput"}
    assert all(need.why for need in BDA)


def test_the_api_server_needs_nothing():
    assert policy(Who.API_SERVER, Scope())["Statement"] == []


def test_every_region_the_profile_may_route_to_is_allowed():
    (submit,) = [
        item
        for item in policy(Who.WORKER, Scope(region="eu-west-1", account="1"))["Statement"]
        if item["Sid"] == "Submit"
    ]
    assert submit["Resource"] == [
        *(
            f"arn:aws:bedrock:{region}:1:data-automation-profile/eu.data-automation-v1"
            for region in ("eu-central-1", "eu-west-1", "eu-south-2", "eu-west-2")
        ),
        "arn:aws:bedrock:eu-west-1:1:data-automation-project/*",
        "arn:aws:bedrock:eu-west-1:1:blueprint/*",
    ]
    waits, hears = policy(Who.TRIGGERER, Scope(region="us-gov-west-1", account="1"))["Statement"]
    assert waits["Resource"] == ["arn:aws-us-gov:bedrock:us-gov-west-1:1:data-automation-invocation/*"]
    assert hears["Resource"] == ["arn:aws-us-gov:sqs:us-gov-west-1:1:*"]


def test_keys_are_taken_as_arn_id_or_alias():
    def resource(key):
        return Scope(region="us-east-1", account="1", kms_key=key).keys()

    assert resource("arn:aws:kms:x:1:key/2") == ["arn:aws:kms:x:1:key/2"]
    assert resource("abc") == ["arn:aws:kms:us-east-1:1:key/abc"]
    assert resource("alias/mine") == ["arn:aws:kms:us-east-1:1:alias/mine"]


@pytest.mark.parametrize("kind", JOB_KINDS.values(), ids=JOB_KINDS)
def test_actions_are_operations_of_a_service_with_that_prefix(kind):
    from botocore.session import Session

    model = Session().get_service_model(kind.service)
    for need in needs(kind):
        if need in BDA[2:]:
            continue
        for action in need.actions:
            prefix, _, operation = action.partition(":")
            assert prefix == model.signing_name
            assert operation in model.operation_names


def test_bedrock_clients_share_a_prefix_and_others_have_their_own():
    from airflow_provider_bda.iam.policy import action

    assert action("bedrock-agent", "StartIngestionJob") == "bedrock:StartIngestionJob"
    assert action("textract", "StartDocumentAnalysis") == "textract:StartDocumentAnalysis"


def batch_life(aws, project, *, deferrable):
    """Run a batch, its index, a clear and a purge as worker and triggerer do; answer each one's calls."""
    from airflow_provider_bda._compat import TaskDeferred

    seen = {Who.WORKER: [], Who.TRIGGERER: []}

    def make(**more):
        settings = {"task_id": "batch", "source": "s3://documents/in/", "project": "invoices", **more}
        return BdaBatchOperator(
            output_s3_uri="s3://documents/out",
            state_s3_uri="s3://documents/index",
            create_index=True,
            tolerated_rejections=1,
            output_tags={"team": "a"},
            deferrable=deferrable,
            **settings,
        )

    run = FakeRun(make, run_id=f"{deferrable}")

    def life():
        operator, context = run.next_try()
        work = partial(operator.execute, context)
        while True:
            before = len(aws.calls())
            try:
                return work()
            except TaskDeferred as deferred:
                trigger = stored(deferred.trigger)
            finally:
                seen[Who.WORKER] += [needed(call) for call in aws.calls()[before:]]
            before = len(aws.calls())
            event = in_triggerer(trigger).payload
            seen[Who.TRIGGERER] += [needed(call) for call in aws.calls()[before:]]
            work = partial(make().execute_complete, context, event)

    life()
    run.clear()
    result = life()
    purge = BdaPurgeOperator(task_id="purge", batch_s3_uri=result["batch_s3_uri"], dry_run=False)
    seen[Who.WORKER] += calls_of(aws, lambda: purge.execute(run.next_try()[1]))
    return seen


def test_of_a_batch_too_every_call_is_allowed_and_every_action_called_or_explained(aws, project, monkeypatch):
    monkeypatch.setattr("airflow_provider_bda.triggers.batch.SETTLE", 0.0)
    monkeypatch.setattr("airflow_provider_bda.batch.engine.LOOK_AT_PROJECT", 0.1)
    monkeypatch.setattr("airflow_provider_bda.batch.engine.INTERVAL", (0.2, 0.2))
    aws.settings.duration = 0.3
    aws.client("s3").put_object(Bucket="documents", Key="in/b.pdf", Body=a_pdf(1))
    calls = batch_life(aws, project, deferrable=True)
    # Compaction deletes, and comes once in a hundred batches.
    index = ProcessedIndex.open(aws.client("s3"), "s3://documents/index", create=False)
    calls[Who.WORKER] += calls_of(aws, lambda: index.compact(fully=True))
    events = heard(aws, monkeypatch)
    for who in calls:
        made = [*calls[who], *events]
        document = policy(who, scope(aws, project), of=batch_needs())
        refused = [call for call in made if call[0] not in FREE and not allows(document, *call)]
        assert refused == [], f"the policy of the {who} refuses what it does"
        granted = {action for item in document["Statement"] for action in item["Action"]}
        explained = {action for need in batch_needs() if need.by_service for action in need.actions}
        # A project without blueprints reads none, and the deferred worker submits nothing.
        explained |= {"bedrock:ListBlueprints", "bedrock:GetBlueprint"}
        if who is Who.WORKER:
            explained |= {"bedrock:InvokeDataAutomationAsync", "bedrock:GetDataAutomationStatus"}
        assert granted - {action for action, _ in made} - explained == set(), f"the {who} never uses it"
    blocking = batch_life(aws, project, deferrable=False)
    document = policy(Who.WORKER, scope(aws, project), of=batch_needs())
    assert blocking[Who.TRIGGERER] == []
    assert [
        call for call in blocking[Who.WORKER] if call[0] not in FREE and not allows(document, *call)
    ] == []


def test_the_page_is_what_the_code_writes():
    assert PAGE.read_text() == markdown(), (
        "write it anew: python -m airflow_provider_bda.iam --markdown > docs/iam.md"
    )


def test_the_command_prints_a_policy(capsys):
    assert main(["triggerer", "--region", "us-east-1", "--account", "1"]) == 0
    assert json.loads(capsys.readouterr().out) == policy(
        Who.TRIGGERER, Scope(region="us-east-1", account="1")
    )
