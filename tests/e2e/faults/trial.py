"""One trial: a task lives through a trouble, try by try, over HTTP; what it bought and said is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_bda._compat import AirflowFailException
from airflow_provider_bda.exceptions import BdaError
from airflow_provider_bda.triggers.timer import TimerTrigger
from tests.e2e.faults.campaign import ENDED, FILES, RUNS, SUBMIT, Scene, Trouble
from tests.fakes import FakeRun, live_through

if TYPE_CHECKING:
    from collections.abc import Callable

#: Tries a task has at most; no trial needs more than two.
TRIES = 3


@dataclass
class Told:
    """What came of a trial.

    :param result: what the last try returned; None if it failed for good.
    :param errors: of the tries that failed.
    """

    result: Any = None
    errors: list[BdaError] = field(default_factory=list)

    @property
    def is_final(self) -> bool:
        """Whether Airflow would not try again."""
        return bool(self.errors) and isinstance(self.errors[-1], AirflowFailException)


def live(make: Callable[..., Any], scene: Scene, trouble: Trouble, moment: str, *, lasts: bool) -> Told:
    """Live through the tries of one task.

    The trouble begins at its moment in the first try; one that lasts is mended when a try has failed.
    """
    run, told = FakeRun(make, retries=TRIES - 1), Told()
    begun = False

    def begin(at: str) -> None:
        nonlocal begun
        if not begun and at == moment:
            begun = True
            trouble.begin(scene, moment, lasts)

    def deferred(trigger: Any) -> None:
        # One that only lets time pass: nothing has been submitted yet.
        if not isinstance(trigger, TimerTrigger):
            for at in (RUNS, ENDED, FILES):
                begin(at)

    for _ in range(TRIES):
        _, context = run.next_try()
        begin(SUBMIT)
        try:
            told.result = live_through(lambda: make(retries=run.retries), context, on_defer=deferred)
        except BdaError as error:
            told.errors.append(error)
            scene.mend()
            if told.is_final:
                break
        else:
            break
    scene.mend()
    return told
