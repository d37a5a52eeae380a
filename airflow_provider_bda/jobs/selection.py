"""When is the wait for a selection of jobs over? Pure: rows of a list in, counts out.

A status that is missing or unknown counts as going on: it is no end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bda.jobs.catalog import ASYNC_INVOKE as KIND
from airflow_provider_bda.jobs.kind import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

#: How many failed invokes a result names; the rest is counted.
MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list of asynchronous invokes says.

    :param going_on: how many have not ended.
    :param completed: how many ended well.
    :param failed: the ARNs of those that did not.
    """

    going_on: int
    completed: int
    failed: tuple[str, ...]

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]]) -> Selection:
        """Count the rows of ListAsyncInvokes."""
        outcomes = [(str(row.get("invocationArn")), KIND.outcome_of(row)) for row in rows]
        return cls(
            going_on=sum(outcome is None for _, outcome in outcomes),
            completed=sum(outcome is Outcome.SUCCEEDED for _, outcome in outcomes),
            failed=tuple(arn for arn, outcome in outcomes if outcome not in {None, Outcome.SUCCEEDED}),
        )

    @property
    def total(self) -> int:
        """How many are selected."""
        return self.going_on + self.completed + len(self.failed)

    def is_over(self, at_least: int) -> bool:
        """Tell whether so many are selected and all of them have ended."""
        return self.going_on == 0 and self.total >= at_least

    def to_dict(self) -> dict[str, Any]:
        """Answer plain JSON: what the sensor returns."""
        return {
            "total": self.total,
            "going_on": self.going_on,
            "completed": self.completed,
            "failed": len(self.failed),
            "failed_invocation_arns": list(self.failed[:MOST_NAMED]),
        }
