"""A worker that is killed for good: run as a process by ``test_killed_worker``.

Arguments: the step to die after, and a file that stands for the task state store.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Run the first try of a task, and die."""
    from tests.fakes import FakeRun
    from tests.identity.test_jobs_bought import Mortal, operator

    step, store = sys.argv[1], Path(sys.argv[2])

    def die(self, now_at, now=True):  # noqa: FBT002 - a fake
        if now and now_at == step:
            store.write_text(json.dumps(run.store))
            os._exit(9)

    Mortal.die = die
    run = FakeRun(operator, retries=2)
    op, context = run.next_try()
    op.deferrable = True
    op.execute(context)


if __name__ == "__main__":
    main()
