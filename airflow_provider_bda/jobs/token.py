"""The client token: the same for every try that stands for the same job, whatever crashed in between.

Pure. What is in it is decided by DESIGN section 5: ``max_tries`` changes when a user clears this task and
at no other time; ``try_number`` is left out, so that a worker that died after the submit gets its job back.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def fingerprint(request: Mapping[str, Any]) -> str:
    """Hash a request, whatever the order of its keys."""
    return hashlib.sha256(_canonical(request)).hexdigest()


def client_token(
    *,
    dag_id: str,
    run_id: str,
    task_id: str,
    map_index: int,
    max_tries: int,
    generation: int,
    request: Mapping[str, Any],
) -> str:
    """Answer 64 hexadecimal digits: within every service's length and pattern for a token.

    :param max_tries: the task instance's ``max_tries``.
    :param generation: 0 for the first job of this identity, one more for each that is known to have failed.
    :param request: the request without its token.
    """
    identity = [dag_id, run_id, task_id, map_index, max_tries, generation, fingerprint(request)]
    return hashlib.sha256(_canonical(identity)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()
