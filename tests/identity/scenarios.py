"""What may happen to a task, and how many jobs are bought then: the table of the docs and of the tests.

Four numbers a scenario. The state store is that of Airflow 3.3 and newer. Whether the service still knows the
token of a job that has *ended* is not published; of a job that goes on it does.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """One line of the table.

    :param name: the test's function.
    :param title: what happens.
    :param jobs: jobs bought: (store, token remembered), (store, forgotten), (no store, remembered), (no store,
        forgotten).
    :param why: said in the docs where the number surprises.
    """

    name: str
    title: str
    jobs: tuple[int, int, int, int]
    why: str = ""


SCENARIOS = (
    Scenario("plain", "Nothing goes wrong", (1, 1, 1, 1)),
    Scenario("answer_lost", "The answer of the submit never arrives; a retry", (1, 1, 1, 1)),
    Scenario(
        "died_after_submit",
        "The worker dies right after the submit; a retry while the job runs",
        (1, 1, 1, 1),
    ),
    Scenario(
        "died_after_submit_ended",
        "The same, but the retry comes after the job has ended",
        (1, 2, 1, 2),
        "Nothing but the token knows of that job, and the service has forgotten it",
    ),
    Scenario(
        "died_after_save",
        "The worker dies between saving and deferring; a retry while the job runs",
        (1, 1, 1, 1),
    ),
    Scenario("died_after_save_ended", "The same, but the retry comes after the job has ended", (1, 1, 1, 2)),
    Scenario(
        "died_before_defer", "The worker dies just before it defers; a retry while the job runs", (1, 1, 1, 1)
    ),
    Scenario("triggerer_killed", "The triggerer is killed while it waits", (1, 1, 1, 1)),
    Scenario("triggerer_killed_answering", "The triggerer is killed while it answers", (1, 1, 1, 1)),
    Scenario("died_on_resume", "The worker that reads a success dies; a retry", (1, 1, 1, 2)),
    Scenario("retry_after_broken", "ServiceError; a retry", (2, 2, 2, 2), "The retry submits a new job"),
    Scenario("three_broken", "ServiceError in each of three tries", (3, 3, 3, 3)),
    Scenario(
        "broken_then_died", "ServiceError; the retry dies right after its submit; another retry", (2, 2, 2, 2)
    ),
    Scenario(
        "fails_at_once",
        "ServiceError before the job is first asked for, in each of three tries",
        (3, 3, 3, 3),
    ),
    Scenario(
        "late_first_job",
        "The first try cannot submit; in the second the job breaks at once",
        (1, 1, 1, 1),
        "One try never buys two jobs",
    ),
    Scenario("rejected", "ClientError", (1, 1, 1, 1), "There is no retry"),
    Scenario("timed_out", "wait_timeout passes; a retry while the job runs", (1, 1, 1, 1)),
    Scenario("timed_out_ended", "wait_timeout passes; a retry after the job has succeeded", (1, 1, 1, 2)),
    Scenario("lost", "The status cannot be read; a retry while the job runs", (1, 1, 1, 1)),
    Scenario("no_room", "The service has no room until the deadline; a retry", (1, 1, 1, 1)),
    Scenario(
        "refused", "The submit is refused (AccessDenied, Validation)", (0, 0, 0, 0), "There is no retry"
    ),
    Scenario("cleared", "A user clears this task after its success", (2, 2, 2, 2)),
    Scenario("cleared_running", "A user clears this task while it is deferred", (2, 2, 2, 2)),
    Scenario("cleared_alone", "A user clears this task without resetting the run", (2, 2, 2, 2)),
    Scenario(
        "cleared_then_died",
        "A user clears this task; the new worker dies after its submit; a retry",
        (2, 2, 2, 2),
    ),
    Scenario(
        "sibling_cleared",
        "A user clears a sibling, a downstream task or another map index; a retry of this task",
        (1, 1, 1, 1),
    ),
    Scenario(
        "sibling_cleared_alone", "The same without resetting the run; a retry of this task", (1, 1, 1, 1)
    ),
    Scenario(
        "cleared_in_worker_phase",
        "A user clears this task while a worker runs it",
        (1, 1, 1, 1),
        "Airflow counts that as the same try: the new worker takes up the running job",
    ),
    Scenario("own_token_cleared", "The Dag author sets client_token; a clear after success", (1, 2, 1, 2)),
    Scenario(
        "run_deleted",
        "The run is deleted and one with the same run_id created, after success",
        (1, 2, 1, 2),
        "The token is the same",
    ),
)
