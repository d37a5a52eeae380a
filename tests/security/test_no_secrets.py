"""Neither secrets nor what stands in a document may show in a log line, exception, XCom or trigger row.

Markers are planted in the connection, the session token and the document; then everything a task leaves is
searched for them.
"""

from __future__ import annotations

import json
import pickle
import traceback

import pytest

from airflow_provider_bda._compat import TaskDeferred
from airflow_provider_bda.emulator import Fault
from airflow_provider_bda.operators.invocation import BdaInvokeSyncOperator
from tests.fakes import FakeRun, in_triggerer, stored
from tests.samples import SAMPLES

KIND = "data_automation"
PASSWORD, TOKEN, DOCUMENT = "MARKERpassword31", "MARKERtoken41", "MARKERdocument59"
MARKERS = (PASSWORD, TOKEN, DOCUMENT)
BLUEPRINT = "arn:aws:bedrock:us-east-1:aws:blueprint/bedrock-data-automation-public-invoice"


@pytest.fixture
def planted(aws, monkeypatch):
    """The emulator behind a connection with markers, and a document with one."""
    connection = aws.connection()
    connection["password"] = PASSWORD
    connection["extra"]["aws_session_token"] = TOKEN
    connection["extra"]["config_kwargs"] = {"retries": {"total_max_attempts": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    body = f"Invoice number: {DOCUMENT}\n".encode()
    aws.client("s3").put_object(Bucket="documents", Key="in/invoice.txt", Body=body)
    return aws


class Left:
    """Everything a task leaves behind, as text."""

    def __init__(self):
        self.pieces = []

    def keep(self, name, value):
        self.pieces.append((name, value if isinstance(value, str) else repr(value)))

    def keep_error(self, error):
        self.keep("exception", "".join(traceback.format_exception(error)))
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        self.keep("exception, pickled", f"{again} {getattr(again, 'facts', dict)()}")

    def found(self):
        return [(name, marker) for name, text in self.pieces for marker in MARKERS if marker in text]


def live(left, deferrable, **settings):
    """Live through a task, keeping all it leaves."""

    def make(**kwargs):
        return SAMPLES[KIND].operator(deferrable=deferrable, poll_interval=0.02, **settings, **kwargs)

    run = FakeRun(make, retries=1)
    op, context = run.next_try()
    step, arguments = op.execute, (context,)
    try:
        while True:
            try:
                left.keep("result", step(*arguments))
                break
            except TaskDeferred as deferred:
                left.keep("trigger row", deferred.trigger.serialize())
                left.keep("trigger shown", repr(deferred.trigger))
                payload = in_triggerer(stored(deferred.trigger)).payload
                left.keep("event", payload)
                step, arguments = make().resume_execution, (deferred.method_name, {"event": payload}, context)
    except Exception as error:  # noqa: BLE001 - what it says is searched
        left.keep_error(error)
    left.keep("xcoms", run.ti.xcoms)
    left.keep("state store", dict(run.store))
    left.keep("operator", {name: value for name, value in vars(op).items() if name in op.template_fields})


FAULTS = [
    None,
    {"job_status": "ClientError"},
    {"job_status": "ServiceError"},
    {"operation": "InvokeDataAutomationAsync", "error": "ValidationException"},
    {"operation": "InvokeDataAutomationAsync", "error": "UnrecognizedClientException"},
    {"operation": "InvokeDataAutomationAsync", "reset": True},
    {"operation": "GetDataAutomationStatus", "error": "AccessDeniedException"},
]


@pytest.mark.parametrize("deferrable", [True, False], ids=["deferrable", "blocking"])
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_task_leaves_no_secret_and_nothing_of_the_document(planted, capfd, caplog, fault, deferrable):
    if fault:
        planted.fault(Fault(**fault))
    left = Left()
    with caplog.at_level("DEBUG", logger="airflow_provider_bda"):
        live(left, deferrable)
    captured = capfd.readouterr()
    left.keep("log", captured.out + captured.err + caplog.text)
    assert left.found() == []


def test_the_sensor_leaves_none_either(planted, capfd, caplog):
    op, context = FakeRun(SAMPLES[KIND].operator).next_try()
    op.wait_for_completion = False
    job = op.execute(context)
    left = Left()
    planted.fault(Fault(operation="GetDataAutomationStatus", error="AccessDeniedException", times=1))
    for deferrable in (False, True):
        sensor = SAMPLES[KIND].sensor(job, deferrable=deferrable, poke_interval=0.02)
        try:
            left.keep("result", sensor.execute({"ti": FakeRun(None).ti or context["ti"]}))
        except TaskDeferred as deferred:
            left.keep("trigger row", deferred.trigger.serialize())
            left.keep("event", in_triggerer(stored(deferred.trigger)).payload)
        except Exception as error:  # noqa: BLE001 - what it says is searched
            left.keep_error(error)
    captured = capfd.readouterr()
    left.keep("log", captured.out + captured.err + caplog.text)
    assert left.found() == []


def test_the_synchronous_call_returns_no_value_read_in_the_file_unless_asked(planted, capfd, caplog):
    left = Left()

    def run(**kwargs):
        op = BdaInvokeSyncOperator(
            task_id="a_task",
            input_bytes=lambda _context: f"%PDF-no {DOCUMENT}".encode() if kwargs.get("bad") else image(),
            blueprints=[BLUEPRINT],
            return_output=kwargs.get("return_output", False),
        )
        ti = FakeRun(None)
        ti.make = lambda **_: op
        _, context = ti.next_try()
        try:
            left.keep("result", op.execute(context))
        except Exception as error:  # noqa: BLE001 - what it says is searched
            left.keep_error(error)
        left.keep("xcoms", ti.ti.xcoms)
        left.keep("rendered fields", {name: getattr(op, name) for name in op.template_fields})

    planted.settings.fixtures = {"*": {"invoice_number": DOCUMENT}}
    run()
    run(bad=True)
    captured = capfd.readouterr()
    left.keep("log", captured.out + captured.err + caplog.text)
    assert left.found() == []
    assert any(name == "result" for name, _ in left.pieces), "the good call must have gone through"


def image():
    """A small picture."""
    import io

    from PIL import Image

    body = io.BytesIO()
    Image.new("RGB", (40, 20), "white").save(body, "PNG")
    return body.getvalue()


def test_the_search_finds_what_is_there(planted):
    left = Left()
    left.keep("planted", {"a": [PASSWORD]})
    assert left.found() == [("planted", PASSWORD)]
    found = planted.client("s3").get_object(Bucket="documents", Key="in/invoice.txt")["Body"].read()
    assert DOCUMENT.encode() in found


def test_the_markers_really_reach_the_service(planted):
    live(Left(), deferrable=False)
    key = planted.client("s3").list_objects_v2(Bucket="documents", Prefix="out/")["Contents"]
    bodies = [
        planted.client("s3").get_object(Bucket="documents", Key=item["Key"])["Body"].read() for item in key
    ]
    assert any(DOCUMENT.encode() in body for body in bodies), "the document's words are in its output on S3"
