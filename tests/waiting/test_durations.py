from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bda.jobs import JOB_KINDS
from airflow_provider_bda.waiting.durations import (
    CIRCLES,
    ENOUGH,
    SAMPLES,
    Durations,
    began_at,
    next_age,
    took,
    traits_of,
)

KIND = JOB_KINDS["data_automation"]


def learned(durations, *traits):
    known = Durations()
    for seconds in durations:
        known.learn(traits or ("kind",), seconds)
    return known


def test_the_narrowest_circle_that_knows_enough_answers():
    known = learned([60.0] * ENOUGH, "kind", "project", "pdf")
    for _ in range(ENOUGH - 1):
        known.learn(("kind", "other", "pdf"), 5.0)
    assert set(known.of(("kind", "project", "pdf"))) == {60.0}
    assert set(known.of(("kind", "project", "docx"))) == {60.0}
    assert sorted(set(known.of(("kind", "other", "pdf")))) == [5.0, 60.0]
    assert known.of(("another kind",)) == ()


def test_memory_is_bounded_and_old_durations_are_forgotten():
    known = Durations()
    for number in range(2 * CIRCLES):
        known.learn(("kind", str(number)), 1.0)
    for _ in range(SAMPLES):
        known.learn(("kind",), 9.0)
    assert len(known) <= CIRCLES
    assert list(known.of(("kind",))) == [9.0] * SAMPLES


def test_jobs_that_take_sixty_seconds_are_asked_for_when_they_have_ended():
    assert next_age([60.0] * 10, 0.0, 10.0) == pytest.approx(60.5)


def test_an_end_that_is_to_be_expected_goes_unnoticed_for_an_interval_at_most():
    spread = [float(seconds) for seconds in range(30, 90)]
    age, ages = 0.0, []
    while age < 89.0:
        age = next_age(spread, age, 10.0)
        ages.append(age)
    assert ages[0] <= 30.0 + 10.0
    assert max(after - before for before, after in itertools.pairwise(ages)) <= 10.0


def test_where_half_take_long_the_others_are_found_first():
    two_kinds = [20.0] * 10 + [600.0] * 10
    assert next_age(two_kinds, 0.0, 10.0) <= 30.0
    assert next_age(two_kinds, 30.0, 10.0) == pytest.approx(600.5)


def test_a_job_older_than_all_known_is_asked_for_less_and_less_often():
    known, age, gaps = [60.0] * 10, 61.0, []
    for _ in range(8):
        after = next_age(known, age, 10.0)
        gaps.append(after - age)
        age = after
    assert gaps[0] == 10.0
    assert gaps == sorted(gaps)
    assert gaps[-1] > 30.0


def test_where_nothing_is_known_an_eighth_of_the_age_passes_between_calls():
    assert (next_age((), 0.0, 10.0), next_age((), 800.0, 10.0)) == (10.0, 900.0)


@given(st.lists(st.floats(0, 1e6), max_size=SAMPLES).map(sorted), st.floats(0, 1e6), st.floats(0.01, 600))
def test_the_next_age_always_lies_ahead(durations, age, interval):
    assert next_age(durations, age, interval) >= age + interval / 5 - 1e-6


def test_traits_say_project_format_and_size_class():
    request = {
        "inputConfiguration": {"s3Uri": "s3://b/a.folder/One.PDF"},
        "dataAutomationConfiguration": {"dataAutomationProjectArn": "arn:p"},
    }
    assert traits_of(KIND, request, 1500) == ("data_automation", "arn:p", "pdf", "11")
    assert traits_of(KIND, {**request, "blueprints": [{"blueprintArn": "b"}]})[1] == "arn:p"
    assert traits_of(JOB_KINDS["async_invoke"], {"modelId": "m"}) == ("async_invoke", "m")
    assert traits_of(JOB_KINDS["project"], {}) == ("project",)


def test_times_are_read_out_of_an_answer_and_nonsense_is_passed_over():
    answer = {
        "jobSubmissionTime": "2026-01-01T00:00:00+00:00",
        "jobCompletionTime": "2026-01-01T00:01:00+00:00",
    }
    assert took(KIND, answer) == 60.0
    assert began_at(KIND, answer) == 1767225600.0
    assert took(KIND, {**answer, "jobCompletionTime": "soon"}) is None
    assert (
        took(
            KIND,
            {
                "jobSubmissionTime": answer["jobCompletionTime"],
                "jobCompletionTime": answer["jobSubmissionTime"],
            },
        )
        is None
    )
    assert began_at(KIND, {}) is None
