from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bda.jobs import JOB_KINDS, Outcome
from airflow_provider_bda.jobs.decision import (
    PERMANENT_MUST_PERSIST,
    CallError,
    JobWait,
    Nature,
    Note,
    nature_of,
)
from airflow_provider_bda.jobs.event import JobEvent, job_result, plain

KIND = JOB_KINDS["data_automation"]
HANDLE = {"invocationArn": "arn:aws:bedrock:us-east-1:123456789012:data-automation-invocation/j"}
TRANSIENT = CallError("InternalServerException", "oops", Nature.TRANSIENT)
DENIED = CallError("AccessDeniedException", "no", Nature.PERMANENT)


def wait(**kwargs):
    return JobWait(KIND, HANDLE, **kwargs)


def test_success_needs_a_positive_match_and_carries_the_answer():
    moment = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
    answer = {"status": "Success", "outputConfiguration": {"s3Uri": "s3://b/m"}, "jobCompletionTime": moment}
    event = wait().on_answer(answer, 5.0).event
    assert event == JobEvent(
        kind="data_automation",
        handle=HANDLE,
        outcome=Outcome.SUCCEEDED,
        status="Success",
        answer={
            "status": "Success",
            "outputConfiguration": {"s3Uri": "s3://b/m"},
            "jobCompletionTime": "2026-11-22T01:02:03+00:00",
        },
        timeline=((5.0, "Success"),),
    )


@pytest.mark.parametrize(
    ("status", "outcome"), [("ClientError", Outcome.REJECTED), ("ServiceError", Outcome.BROKEN)]
)
def test_failure_carries_the_services_words(status, outcome):
    event = wait().on_answer({"status": status, "errorType": "T", "errorMessage": "words"}, 0.0).event
    assert (event.outcome, event.error_type, event.error_message) == (outcome, "T", "words")


@pytest.mark.parametrize("answer", [{}, {"status": "Succeeded"}, {"status": None}, {"status": 7}])
def test_unknown_status_keeps_waiting_and_warns_once(answer):
    w = wait()
    first, second = w.on_answer(answer, 0.0), w.on_answer(answer, 1.0)
    assert (first.event, second.event, second.notes) == (None, None, ())
    assert [note.warning for note in first.notes] == [True]


def test_a_status_that_goes_backwards_keeps_waiting():
    w = wait()
    for status in ("InProgress", "Created", "InProgress"):
        assert w.on_answer({"status": status}, 0.0).event is None
    assert w.on_answer({"status": "Success"}, 1.0).event.outcome is Outcome.SUCCEEDED


def test_a_change_of_status_is_told_once():
    w = wait()
    assert w.on_answer({"status": "Created"}, 0.0).notes == (Note(warning=False, text="status Created"),)
    assert w.on_answer({"status": "Created"}, 1.0).notes == ()


def test_transient_errors_end_a_wait_only_at_the_deadline():
    w = wait(deadline=1000.0)
    w.on_answer({"status": "InProgress"}, 0.0)
    for now in range(1, 1000, 7):
        assert w.on_error(TRANSIENT, float(now)).event is None
    event = w.on_error(TRANSIENT, 1000.0).event
    assert (event.outcome, event.status, event.error_type) == (
        Outcome.TIMEOUT,
        "InProgress",
        "InternalServerException",
    )


def test_a_job_that_ended_is_no_timeout_even_past_the_deadline():
    assert wait(deadline=1.0).on_answer({"status": "Success"}, 99.0).event.outcome is Outcome.SUCCEEDED


def test_a_permanent_error_on_the_first_answer_ends_at_once():
    event = wait(deadline=1e9).on_error(DENIED, 0.0).event
    assert (event.outcome, event.status, event.error_message) == (Outcome.LOST, None, "no")


def test_a_permanent_error_after_a_good_answer_must_persist():
    w = wait()
    w.on_answer({"status": "InProgress"}, 0.0)
    assert w.on_error(DENIED, 10.0).event is None
    assert w.on_error(DENIED, 10.0 + PERMANENT_MUST_PERSIST - 1).event is None
    w.on_answer({"status": "InProgress"}, 310.0)
    assert w.on_error(DENIED, 311.0).event is None, "a good answer in between begins anew"
    assert w.on_error(DENIED, 311.0 + PERMANENT_MUST_PERSIST).event.outcome is Outcome.LOST


def test_status_retries_count_consecutive_failures():
    w = wait(status_retries=2)
    assert w.on_error(TRANSIENT, 0.0).event is None
    assert w.on_error(TRANSIENT, 1.0).event is None
    w.on_answer({"status": "InProgress"}, 2.0)
    assert [w.on_error(TRANSIENT, 3.0).event, w.on_error(TRANSIENT, 4.0).event] == [None, None]
    assert w.on_error(TRANSIENT, 5.0).event.outcome is Outcome.LOST


def test_a_row_of_failures_fills_no_log():
    w = wait()
    told = [bool(w.on_error(TRANSIENT, float(i)).notes) for i in range(16)]
    assert sum(told) == 5


def test_the_next_call_is_never_past_the_deadline_and_slower_while_calls_fail():
    w = wait(deadline=100.0)
    assert (w.delay(10.0, 0.0), w.delay(10.0, 95.0), w.delay(10.0, 200.0)) == (10.0, 5.0, 0.0)
    w.on_error(TRANSIENT, 1.0)
    assert w.delay(10.0, 0.0) == 20.0


@pytest.mark.parametrize(
    ("code", "http", "nature"),
    [
        ("ThrottlingException", 400, Nature.THROTTLED),
        ("Whatever", 429, Nature.THROTTLED),
        ("InternalServerException", 500, Nature.TRANSIENT),
        ("Odd", 503, Nature.TRANSIENT),
        ("ExpiredTokenException", 403, Nature.TRANSIENT),
        ("ResourceNotFoundException", 404, Nature.GONE),
        ("AccessDeniedException", 403, Nature.PERMANENT),
        ("ValidationException", None, Nature.PERMANENT),
    ],
)
def test_errors_are_told_apart_by_code(code, http, nature):
    assert nature_of(code, http) is nature


statuses = st.one_of(st.sampled_from(sorted(KIND.statuses)), st.none(), st.text(max_size=8))
steps = st.lists(
    st.one_of(
        statuses.map(lambda s: ("answer", {"status": s})),
        st.sampled_from([("error", TRANSIENT), ("error", DENIED)]),
    ),
    max_size=20,
)


@given(steps, st.none() | st.floats(0, 40))
def test_success_only_ever_comes_from_a_success_answer(history, deadline):
    w, now = wait(deadline=deadline), 0.0
    for what, value in history:
        now += 2.0
        event = (w.on_answer(value, now) if what == "answer" else w.on_error(value, now)).event
        if event is not None:
            assert (event.outcome is Outcome.SUCCEEDED) == (what == "answer" and value["status"] == "Success")
            assert JobEvent.from_dict(event.to_dict()) == event
            break


@pytest.mark.parametrize(
    "data",
    [
        None,
        "success",
        {},
        {"status": "success"},
        {"kind": "data_automation", "handle": {}, "outcome": "succeeded"},
        {"kind": "data_automation", "handle": HANDLE, "outcome": "done"},
        {"kind": "data_automation", "handle": HANDLE},
        {"kind": 1, "handle": HANDLE, "outcome": "succeeded"},
        {"kind": "data_automation", "handle": HANDLE, "outcome": "succeeded", "answer": "x"},
    ],
)
def test_a_foreign_event_is_refused(data):
    with pytest.raises(ValueError, match=r"event|outcome"):
        JobEvent.from_dict(data)


def test_keys_of_a_newer_release_are_passed_over():
    event = JobEvent(kind="data_automation", handle=HANDLE, outcome=Outcome.LOST)
    assert JobEvent.from_dict({**event.to_dict(), "added_later": 1}) == event


def test_result_holds_plain_values_and_uris():
    event = (
        wait()
        .on_answer(
            {"status": "Success", "outputConfiguration": {"s3Uri": "s3://b/m"}, "jobDurationInSeconds": 3},
            0.0,
        )
        .event
    )
    assert job_result(KIND, event) == {
        "kind": "data_automation",
        "handle": HANDLE,
        "status": "Success",
        "partial": False,
        "invocation_arn": HANDLE["invocationArn"],
        "output_s3_uri": "s3://b/m",
        "job_submission_time": None,
        "job_completion_time": None,
        "job_duration_in_seconds": 3,
    }


def test_plain_drops_metadata_and_reads_naive_times_as_utc():
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the case under test
    assert plain({"ResponseMetadata": {}, "t": naive, "l": (1, b"x")}) == {
        "t": "2026-01-01T00:00:00+00:00",
        "l": [1, "b'x'"],
    }
