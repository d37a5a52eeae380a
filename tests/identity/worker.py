"""Workers that are killed for good: a process run by ``test_killed_worker``, which forks one for each line it reads.

A line is JSON: a sample, the step to die after, and a file that stands for the task state store.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.fakes import FakeRun
from tests.identity.test_jobs_bought import Mortal, mortal
from tests.samples import SAMPLES


def live(name: str, step: str, store: str) -> None:
    """Live through a task's first try, and die after a step."""
    sample = SAMPLES[name]

    def die(self, now_at, now=True):  # noqa: FBT002 - a fake
        if now and now_at == step:
            Path(store).write_text(json.dumps(run.store))
            os._exit(9)

    Mortal.die = die
    run = FakeRun(lambda **kwargs: sample.operator(mortal(sample.runs), **kwargs), retries=2)
    op, context = run.next_try()
    op.deferrable = True
    op.execute(context)


def main() -> None:
    """Fork a worker for each line; answer the exit code."""
    for line in sys.stdin:
        child = os.fork()
        if child:
            sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
            sys.stdout.flush()
            continue
        try:
            live(*json.loads(line))
        finally:
            os._exit(1)


if __name__ == "__main__":
    main()
