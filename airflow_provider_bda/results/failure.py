"""One item of a job that failed, in one form for every service. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How many failures a message spells out; the rest is counted.
SPELLED_OUT = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """One item that failed.

    :param item: the service's name of it: an entity's id, a file's URI, a segment's number.
    :param error_type: the service's own error type, if it says one.
    :param error_message: the service's own words.
    """

    item: str
    error_type: str | None = None
    error_message: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Answer the failure as plain JSON."""
        return {"item": self.item, "error_type": self.error_type, "error_message": self.error_message}

    def __str__(self) -> str:
        """Say it in one line."""
        return ": ".join(part for part in (self.item, self.error_type, self.error_message) if part)


def summary(failures: Sequence[Failure], total: int | None = None) -> str:
    """Say how many items failed, and the first of them."""
    of = f" of {total}" if total is not None else ""
    shown = "; ".join(str(failure) for failure in failures[:SPELLED_OUT])
    more = f"; and {len(failures) - SPELLED_OUT} more" if len(failures) > SPELLED_OUT else ""
    return f"{len(failures)}{of} failed: {shown}{more}"
