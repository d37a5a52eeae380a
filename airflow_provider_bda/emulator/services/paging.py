"""Lists in pages: maxResults and an opaque nextToken."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.emulator.messages import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DEFAULT_PAGE = 100


def page(member: str, rows: Sequence[Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Answer one page of a list.

    :param member: the output member that holds the rows.
    :param rows: all of them, in a stable order.
    :param parameters: of the call, with maxResults and nextToken.
    :raises ServiceError: ValidationException, for a token this emulator never gave.
    """
    start = 0
    if token := parameters.get("nextToken"):
        try:
            start = int(base64.urlsafe_b64decode(token.encode()).decode().removeprefix("from:"))
        except ValueError as error:
            raise invalid("The nextToken is invalid.") from error
    end = start + parameters.get("maxResults", _DEFAULT_PAGE)
    following = base64.urlsafe_b64encode(f"from:{end}".encode()).decode() if end < len(rows) else None
    return {member: list(rows[start:end]), "nextToken": following}
