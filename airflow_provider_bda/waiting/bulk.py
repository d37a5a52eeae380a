"""Many waits answered by one list call per page, where the service can list.

What a list says of a job stands for a status call only as far as it goes: a job that goes on needs no more, one
that ended is asked for itself unless its row holds all there is to return. It never costs more than it saves:
ten waits at least, and one page for ten of them at most; who is not found is asked for alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs.event import plain
from airflow_provider_bda.jobs.kind import Outcome, dig, method_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from airflow_provider_bda.jobs.decision import JobWait
    from airflow_provider_bda.jobs.kind import JobKind

#: Fewer waits are asked for one by one; and a list has at most one page for so many.
MIN_WAITS = 10
#: Seconds a list that was refused (no permission, say) is not tried again.
OFF_AFTER_REFUSAL = 300.0

#: The kind's name and what a list must name: all of the handle but its last field, which names the job in it.
Scope = tuple[str, tuple[tuple[str, str], ...]]


def scope_of(wait: JobWait) -> Scope | None:
    """Answer the list a wait's job stands in; None if its service cannot list."""
    kind = wait.kind
    if kind.list_operation is None:
        return None
    return kind.name, tuple((name, wait.handle[name]) for name in kind.handle[:-1])


def name_of(wait: JobWait) -> str:
    """Answer what a job is called within its list."""
    return wait.handle[wait.kind.handle[-1]]


async def list_answers(
    client: Any, kind: JobKind, scope: Scope, wanted: set[str], before_page: Callable[[], Awaitable[None]]
) -> dict[str, dict[str, Any]]:
    """List until all wanted jobs are found, as answers of the describe operation, by name.

    :param client: an aiobotocore client of the kind's service.
    :param wanted: names of the jobs, :func:`name_of`.
    :param before_page: awaited before each page but the first.
    """
    if kind.list_operation is None:
        raise ValueError(f"job kind {kind.name}: its service cannot list")
    inputs = client.meta.service_model.operation_model(kind.list_operation).input_shape.members
    request = {**dict(scope[1]), **_newest_first(inputs)}
    paging = {"PageSize": _page_size(inputs)}
    found: dict[str, dict[str, Any]] = {}
    pages_left = max(len(wanted) // MIN_WAITS, 1)
    paginator = client.get_paginator(method_name(kind.list_operation))
    async for page in paginator.paginate(**request, PaginationConfig=paging):
        for row in dig(page, kind.listed_at) or []:
            name = row.get(kind.handle[-1])
            if name in wanted:
                found[name] = _answer(kind, row)
        pages_left -= 1
        if len(found) == len(wanted) or pages_left == 0:
            break
        await before_page()
    return found


def says_enough(wait: JobWait, answer: Mapping[str, Any]) -> bool:
    """Tell whether a row may stand for the answer of the describe operation."""
    kind = wait.kind
    outcome = kind.outcome_of(answer)
    if outcome is None:
        return kind.status(answer) is not None
    facts = {**plain(answer), **wait.handle}
    whole = all(dig(facts, path) is not None for _, path in kind.result)
    return whole and (outcome is Outcome.SUCCEEDED or kind.error(answer) != (None, None))


def _answer(kind: JobKind, row: dict[str, Any]) -> dict[str, Any]:
    """Put a row where the describe operation has the job."""
    answer = dict(row)
    for step in reversed(kind.status_at[:-1]):
        answer = {step: answer}
    return answer


def _newest_first(inputs: Mapping[str, Any]) -> dict[str, str]:
    by, order = inputs.get("sortBy"), inputs.get("sortOrder")
    if by is None or order is None or not getattr(by, "enum", None):
        return {}
    return {"sortBy": by.enum[0], "sortOrder": "Descending"}


def _page_size(inputs: Mapping[str, Any]) -> int:
    shape = inputs.get("maxResults") or inputs.get("MaxResults")
    return int(shape.metadata.get("max", 100)) if shape is not None else 100
