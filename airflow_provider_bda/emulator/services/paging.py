"""Lists in pages: maxResults and an opaque nextToken."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.messages import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DEFAULT_PAGE = 100


def page_after(
    member: str, rows: Sequence[tuple[int, Any]], parameters: Mapping[str, Any], *, falling: bool = False
) -> dict[str, Any]:
    """Answer one page of a list whose rows come, go and change between two pages.

    The token says which row was the last, not how many there were: a filter on the status would otherwise skip
    rows whenever a job ends while somebody turns the pages.

    :param rows: each with its number, in rising order.
    :param falling: whether the highest number comes first.
    :raises ServiceError: ValidationException, for a token this emulator never gave.
    """
    if (last := _read(parameters.get("nextToken"), "after:")) is not None:
        rows = [row for row in rows if (row[0] < last if falling else row[0] > last)]
    rows = sorted(rows, key=lambda row: row[0], reverse=falling)
    end = parameters.get("maxResults", _DEFAULT_PAGE)
    following = _token(f"after:{rows[end - 1][0]}") if len(rows) > end else None
    return {member: [row for _, row in rows[:end]], "nextToken": following}


def _token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read(token: str | None, prefix: str) -> int | None:
    if not token:
        return None
    try:
        return int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix(prefix))
    except ValueError as error:
        raise invalid("The nextToken is invalid.") from error


def page(member: str, rows: Sequence[Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one page of a list.

    :param member: the output member that holds the rows.
    :param rows: all of them, in a stable order.
    :param parameters: of the call, with maxResults and nextToken.
    :raises ServiceError: ValidationException, for a token this emulator never gave.
    """
    start = _read(parameters.get("nextToken"), "from:") or 0
    end = start + parameters.get("maxResults", _DEFAULT_PAGE)
    following = _token(f"from:{end}") if end < len(rows) else None
    return {member: list(rows[start:end]), "nextToken": following}
