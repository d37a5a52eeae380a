"""When jobs are asked for, on a simulated clock: the poller is the real one, an hour takes a second."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_bda.waiting import poller
from benchmarks.polling.simulation import KIND, Job, crowd, short_jobs, simulate


@pytest.fixture(scope="module")
def short():
    """Jobs of 60 s, the plain way and learned."""
    jobs = short_jobs(440, spread=0.1)
    return {way: simulate(jobs, way, measured_from=75.0) for way in ("plain", "learned")}


def test_learned_durations_spare_most_calls_and_delay_no_event(short):
    assert short["plain"].calls_per_job > 6.0
    assert short["learned"].calls_per_job < 3.0
    assert short["learned"].percentile(0.99) <= 11.5


def test_a_budget_too_small_for_all_goes_to_those_that_are_likely_to_have_ended():
    jobs = crowd(100, 600.0, spread=0.02)
    plain, learned = (simulate(jobs, way, limit=1.0, measured_from=1200.0) for way in ("plain", "learned"))
    assert plain.percentile(0.99) > 60.0
    assert learned.percentile(0.99) < plain.percentile(0.99) / 3


def test_a_job_unlike_all_others_is_asked_for_all_the_same():
    usual = [Job(f"{number}", 10.0 * number, 1000.0) for number in range(150)]
    unlike = Job("unlike", 1300.0, 5.0)
    outcome = simulate([*usual, unlike], "learned", measured_from=1300.0)
    assert outcome.longest_gap <= poller.SELDOM[1] + 1.0
    assert outcome.late[-1] <= poller.SELDOM[1]


def test_an_interval_that_was_given_is_kept_whatever_was_learned(monkeypatch):
    monkeypatch.setattr("benchmarks.polling.simulation.durations.ENOUGH", 5)
    jobs = [replace(job, traits=(KIND.name,)) for job in short_jobs(100, spread=0.1)]
    outcome = simulate(jobs, "plain")
    assert outcome.longest_gap <= 11.1
