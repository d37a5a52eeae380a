"""What goes wrong, and when: the rows of the campaign. Each is lived through by a task of each kind, and by a batch.

A trouble *passes* by itself, or it *lasts* until the try has failed and somebody has mended it.
"""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator import Emulator, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.e2e.faults.gate import Gate

#: How often a rule acts before it has passed, and seconds that what is no rule takes to pass.
TIMES = 6
SECONDS = 0.4
SUBMIT, RUNS, ENDED = "at the submit", "while the job runs", "when the job has ended"
MOMENTS = (SUBMIT, RUNS, ENDED)
#: A batch keeps its plan, ledger and results there.
FILES = "at the files on S3"
WAITING = (RUNS, ENDED)


@dataclass
class Scene:
    """Where a trouble happens.

    :param operations: those of the kind that it may hit, by moment.
    :param pending: an answer of the describe operation that says the job runs.
    """

    aws: Emulator
    gate: Gate
    patch: Any
    operations: Mapping[str, tuple[str, ...]]
    pending: Mapping[str, Any]
    timers: list[threading.Timer] = field(default_factory=list)
    mended: bool = False

    def mend(self) -> None:
        """Take every trouble away."""
        self.mended = True
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()
        self.aws.clear_faults()
        self.gate.shut()
        self.gate.open()
        self.patch.undo()

    def passes(self, undo: Callable[[], None]) -> None:
        """Undo something in a moment."""
        timer = threading.Timer(SECONDS, undo)
        timer.start()
        self.timers.append(timer)


@dataclass(frozen=True)
class Trouble:
    """One row.

    :param title: for the table.
    :param begin: makes it happen: of the scene, at a moment, for good or not.
    :param moments: when it can happen.
    :param lasting: whether it is also tried as one that lasts.
    :param refused: at the submit it is the request's own fault: no retry, nothing bought.
    """

    title: str
    begin: Callable[[Scene, str, bool], None]
    moments: tuple[str, ...] = MOMENTS
    lasting: bool = True
    refused: bool = False


def rule(**how: Any) -> Callable[[Scene, str, bool], None]:
    """Answer what makes each operation of the moment go wrong in one way."""

    def begin(scene: Scene, moment: str, lasts: bool) -> None:  # noqa: FBT001 - called by place
        for operation in scene.operations[moment]:
            scene.aws.fault(Fault(operation=operation, times=None if lasts else TIMES, **how))

    return begin


def status(*answers: Callable[[Scene], Mapping[str, Any]]) -> Callable[[Scene, str, bool], None]:
    """Answer what makes the status be each of some, one after another."""

    def begin(scene: Scene, moment: str, lasts: bool) -> None:  # noqa: FBT001 - called by place
        operation = scene.operations[moment][0]
        for place, answer in enumerate(answers):
            last = lasts and place == len(answers) - 1
            times = None if last else 2
            scene.aws.fault(Fault(operation=operation, after=2 * place, times=times, answer=answer(scene)))

    return begin


def refused(scene: Scene, _: str, lasts: bool) -> None:  # noqa: FBT001 - called by place
    """Nobody listens."""
    scene.gate.shut()
    if not lasts:
        scene.passes(scene.gate.open)


def nameless(scene: Scene, _: str, lasts: bool) -> None:  # noqa: FBT001 - called by place
    """The service's name is not known any more, and connections there were are gone."""
    known = socket.getaddrinfo

    def lookup(host: Any, *more: Any, **most: Any) -> Any:
        if host in {"localhost", b"localhost"}:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return known(host, *more, **most)

    scene.patch.setattr(socket, "getaddrinfo", lookup)
    scene.gate.cut()
    if not lasts:
        scene.passes(scene.patch.undo)


def _of(scene: Scene, said: str | None) -> Mapping[str, Any]:
    def bent(part: Any) -> Any:
        return {name: bent(value) if isinstance(value, dict) else said for name, value in part.items()}

    return dict(bent(scene.pending))


TROUBLES = {
    "throttled": Trouble("calls are throttled", rule(error="ThrottlingException")),
    "broken": Trouble("the service answers 500", rule(error="InternalServerException", status=500)),
    "unavailable": Trouble("the service answers 503", rule(error="ServiceUnavailableException", status=503)),
    "reset": Trouble("connections are reset", rule(reset=True)),
    "answer_lost": Trouble("calls have their effect, answers are lost", rule(lose_answer=True)),
    "connection_refused": Trouble("connections are refused", refused),
    "name_lost": Trouble("the service's name is not resolved", nameless),
    "clock_skew": Trouble("this machine's clock is wrong", rule(error="RequestTimeTooSkewed", status=403)),
    "expired": Trouble("credentials have expired", rule(error="ExpiredTokenException", status=403)),
    "denied": Trouble("access is withdrawn", rule(error="AccessDeniedException", status=403), refused=True),
    "unknown": Trouble(
        "the status is one nobody knows", status(lambda scene: _of(scene, "Paused")), moments=WAITING
    ),
    "missing": Trouble("there is no status", status(lambda scene: _of(scene, None)), moments=WAITING),
    "backwards": Trouble(
        "the status goes backwards",
        status(lambda scene: _of(scene, "Paused"), lambda scene: scene.pending),
        moments=(ENDED,),
        lasting=False,
    ),
    "gone": Trouble(
        "the service does not know the job",
        rule(error="ResourceNotFoundException", status=404),
        moments=WAITING,
    ),
}
