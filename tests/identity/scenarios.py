"""What may happen to a task, and how many jobs are bought then: the table of the docs and of the tests.

Four numbers a scenario for a kind that takes a client token, two for one that takes none. The state store is that
of Airflow 3.3 and newer. Whether the service still knows the token of a job that has *ended* is not published; of
a job that goes on it does. How a kind differs is read from the catalogue and from the service's own model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bda.emulator.routing import service_model

if TYPE_CHECKING:
    from airflow_provider_bda.jobs.kind import JobKind


@dataclass(frozen=True)
class Scenario:
    """One line of the table.

    :param name: the test's function.
    :param title: what happens.
    :param jobs: jobs bought: (store, token remembered), (store, forgotten), (no store, remembered), (no store,
        forgotten).
    :param untokened: jobs bought of a kind without a token: (store, no store); None where the token is the matter.
    :param why: said in the docs where the number surprises.
    :param needs: the set of statuses a kind must have for this to happen to it.
    :param by_name: jobs bought where a job's handle names a lasting thing, so that a later change of it is found by
        the handle of an earlier one, and a name that is taken leads to a change without a token; as ``jobs``.
    :param is_retry: whether a later try of the task buys or finds the job, and not another task's first.
    """

    name: str
    title: str
    jobs: tuple[int, int, int, int]
    untokened: tuple[int, int] | None
    why: str = ""
    needs: str = "pending"
    by_name: tuple[int, int, int, int] | None = None
    is_retry: bool = True

    def happens_to(self, kind: JobKind) -> bool:
        """Say whether this can happen to a job of a kind."""
        return bool(getattr(kind, self.needs)) and (kind.token is not None or self.untokened is not None)

    def bought(self, kind: JobKind, *, store: bool, remembered: bool) -> int:
        """Answer how many jobs are bought."""
        if kind.gone_is_success:  # what is gone, or going, cannot be deleted again
            return min(self.jobs[0], 1)
        if self.by_name is not None and names_a_thing(kind):
            known = kind.token is not None and remembered
            return self.by_name[(0 if store else 2) + (0 if known else 1)]
        if kind.token is None:
            assert self.untokened is not None
            return self.untokened[0 if store else 1]
        found = remembered or (self.is_retry and lists_tokens(kind))
        return self.jobs[(0 if store else 2) + (0 if found else 1)]


def names_a_thing(kind: JobKind) -> bool:
    """Say whether a handle names what the jobs change and not one job: a request to change it has it all."""
    starts = (kind.start, *kind.also_started_by)
    models = (service_model(kind.service).operation_model(start) for start in starts)
    return any(set(kind.handle) <= set(model.input_shape.members) for model in models)


def lists_tokens(kind: JobKind) -> bool:
    """Say whether the service's list of jobs shows the token of each, so that a lost job can be looked up."""
    if kind.list_operation is None:
        return False
    shape = service_model(kind.service).operation_model(kind.list_operation).output_shape
    for step in kind.listed_at:
        shape = shape.members[step]
    return kind.token in shape.member.members


SCENARIOS = (
    Scenario("plain", "Nothing goes wrong", (1, 1, 1, 1), (1, 1)),
    Scenario("answer_lost", "The answer of the submit never arrives; a retry", (1, 1, 1, 1), (2, 2)),
    Scenario(
        "died_after_submit",
        "The worker dies right after the submit; a retry while the job runs",
        (1, 1, 1, 1),
        (2, 2),
    ),
    Scenario(
        "died_after_submit_ended",
        "The same, but the retry comes after the job has ended",
        (1, 2, 1, 2),
        (2, 2),
        "Nothing but the token knows of that job, and the service has forgotten it",
    ),
    Scenario(
        "died_after_save",
        "The worker dies between saving and deferring; a retry while the job runs",
        (1, 1, 1, 1),
        (1, 2),
    ),
    Scenario(
        "died_after_save_ended", "The same, but the retry comes after the job has ended", (1, 1, 1, 2), (1, 2)
    ),
    Scenario(
        "died_before_defer",
        "The worker dies just before it defers; a retry while the job runs",
        (1, 1, 1, 1),
        (1, 2),
    ),
    Scenario("triggerer_killed", "The triggerer is killed while it waits", (1, 1, 1, 1), (1, 1)),
    Scenario("triggerer_killed_answering", "The triggerer is killed while it answers", (1, 1, 1, 1), (1, 1)),
    Scenario("died_on_resume", "The worker that reads a success dies; a retry", (1, 1, 1, 2), (1, 2)),
    Scenario(
        "retry_after_broken",
        "The service blames itself; a retry",
        (2, 2, 2, 2),
        (2, 2),
        "The retry submits a new job",
        needs="broken",
    ),
    Scenario(
        "three_broken",
        "The service blames itself in each of three tries",
        (3, 3, 3, 3),
        (3, 3),
        needs="broken",
    ),
    Scenario(
        "broken_then_died",
        "The service blames itself; the retry dies right after its submit; another retry",
        (2, 2, 2, 2),
        (3, 3),
        by_name=(2, 2, 2, 3),
        needs="broken",
    ),
    Scenario(
        "fails_at_once",
        "The service blames itself before the job is first asked for, in each of three tries",
        (3, 3, 3, 3),
        (3, 3),
        needs="broken",
    ),
    Scenario(
        "late_first_job",
        "The first try cannot submit; in the second the job breaks at once",
        (1, 1, 1, 1),
        (1, 1),
        "One try never buys two jobs",
        needs="broken",
    ),
    Scenario(
        "rejected",
        "The service blames the request",
        (1, 1, 1, 1),
        (1, 1),
        "There is no retry",
        needs="rejected",
    ),
    Scenario(
        "partial",
        "Some items failed, and fail_on_partial is set; a retry",
        (2, 2, 2, 2),
        (2, 2),
        "The retry submits a new job",
        needs="partial",
    ),
    Scenario("timed_out", "wait_timeout passes; a retry while the job runs", (1, 1, 1, 1), (1, 2)),
    Scenario(
        "timed_out_ended", "wait_timeout passes; a retry after the job has succeeded", (1, 1, 1, 2), (1, 2)
    ),
    Scenario("lost", "The status cannot be read; a retry while the job runs", (1, 1, 1, 1), (1, 2)),
    Scenario("no_room", "The service has no room until the deadline; a retry", (1, 1, 1, 1), (1, 1)),
    Scenario(
        "refused",
        "The submit is refused (AccessDenied, Validation)",
        (0, 0, 0, 0),
        (0, 0),
        "There is no retry",
    ),
    Scenario("cleared", "A user clears this task after its success", (2, 2, 2, 2), (2, 2)),
    Scenario("cleared_running", "A user clears this task while it is deferred", (2, 2, 2, 2), (2, 2)),
    Scenario("cleared_alone", "A user clears this task without resetting the run", (2, 2, 2, 2), (2, 2)),
    Scenario(
        "cleared_then_died",
        "A user clears this task; the new worker dies after its submit; a retry",
        (2, 2, 2, 2),
        (3, 3),
        by_name=(3, 3, 3, 3),
        needs="succeeded",
    ),
    Scenario(
        "sibling_cleared",
        "A user clears a sibling, a downstream task or another map index; a retry of this task",
        (1, 1, 1, 1),
        (1, 2),
    ),
    Scenario(
        "sibling_cleared_alone",
        "The same without resetting the run; a retry of this task",
        (1, 1, 1, 1),
        (1, 2),
    ),
    Scenario(
        "cleared_in_worker_phase",
        "A user clears this task while a worker runs it",
        (1, 1, 1, 1),
        (1, 2),
        "Airflow counts that as the same try: the new worker takes up the running job",
    ),
    Scenario(
        "own_token_cleared", "The Dag author sets client_token; a clear after success", (1, 2, 1, 2), None
    ),
    Scenario(
        "run_deleted",
        "The run is deleted and one with the same run_id created, after success",
        (1, 2, 1, 2),
        (2, 2),
        "The token is the same",
        is_retry=False,
    ),
)
