"""When a value counts as the one that ground truth has: to the letter, within a tolerance, the same day, or much alike."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from dateutil import parser

from airflow_provider_bda.exceptions import BdaInputError
from airflow_provider_bda.results.plain import number as as_number


@dataclass(frozen=True, slots=True)
class Rule:
    """How two values are compared; made by :func:`exact`, :func:`number`, :func:`date` and :func:`fuzzy`.

    :param how: which of them.
    :param least: of "fuzzy": the similarity from which they are alike, 0 to 1.
    :param tolerance: of "number": how far apart they may be.
    :param relative: of "number": the same as a share of the true value.
    :param day_first: of "date": whether 03/02/2026 is the third of February.
    """

    how: str
    least: float = 0.9
    tolerance: float = 0.0
    relative: float = 0.0
    day_first: bool = False

    def alike(self, found: Any, true: Any) -> bool:
        """Compare a value that was found with the true one; neither is empty."""
        if self.how == "number":
            return self._near(found, true)
        if self.how == "date":
            one, other = self._day(found), self._day(true)
            return one is not None and one == other
        if self.how == "fuzzy":
            return float(_ratio()(_text(found), _text(true))) / 100 >= self.least
        return _same(found, true)

    def _near(self, found: Any, true: Any) -> bool:
        one, other = as_number(found), as_number(true)
        if one is None or other is None:
            return _same(found, true)
        # A cent is a cent, however floats write it.
        return abs(one - other) <= max(self.tolerance, self.relative * abs(other)) + 1e-9 * max(
            1.0, abs(other)
        )

    def _day(self, value: Any) -> dt.date | None:
        try:
            # What a text leaves out is the same for both, and no day of today's.
            found = parser.parse(str(value), default=dt.datetime(1, 1, 1), dayfirst=self.day_first)  # noqa: DTZ001
        except (ValueError, OverflowError):
            return None
        return found.date() if isinstance(found, dt.datetime) else None


def exact() -> Rule:
    """Equal to the letter, but for spaces at the ends; numbers equal as numbers."""
    return Rule("exact")


def number(tolerance: float = 0.0, *, relative: float = 0.0) -> Rule:
    """Numbers no further apart than a tolerance, or than a share of the true one; the larger counts."""
    return Rule(
        "number", tolerance=_at_least_0("tolerance", tolerance), relative=_at_least_0("relative", relative)
    )


def date(*, day_first: bool = False) -> Rule:
    """The same day, however it is written."""
    return Rule("date", day_first=day_first)


def fuzzy(least: float = 0.9) -> Rule:
    """Alike by their letters (rapidfuzz's ratio, case and runs of spaces aside), from a similarity of 0 to 1 on.

    Needs the extra ``evaluation``.
    """
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
        raise BdaInputError(f"fuzzy: {least!r} is no similarity from 0 to 1")
    return Rule("fuzzy", least=least)


def rule_for(true: Any) -> Rule:
    """Answer the rule where none was given: numbers as numbers, anything else to the letter."""
    return number() if isinstance(true, int | float) and not isinstance(true, bool) else exact()


def _same(found: Any, true: Any) -> bool:
    if isinstance(found, bool) or isinstance(true, bool):
        return _text(found) == _text(true)
    if isinstance(found, int | float) or isinstance(true, int | float):
        one, other = as_number(found), as_number(true)
        return one is not None and one == other
    return str(found).strip() == str(true).strip()


def _text(value: Any) -> str:
    return " ".join(str(value).casefold().split())


def _ratio() -> Any:
    try:
        from rapidfuzz.fuzz import ratio  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise BdaInputError(
            'fuzzy comparison needs rapidfuzz: pip install "airflow-provider-bda[evaluation]"'
        ) from error
    return ratio


def _at_least_0(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise BdaInputError(f"number: {name}: {value!r} is no number from 0")
    return float(value)
