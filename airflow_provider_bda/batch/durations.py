"""How long jobs took: median, 95th percentile and longest of any number of seconds, in little memory. Pure."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import Any


class Durations:
    """Durations in seconds, kept to three significant digits: some thousand different ones whatever their number."""

    def __init__(self) -> None:
        self._counts: Counter[float] = Counter()
        self._longest = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration; a clock that ran backwards counts as none."""
        seconds = max(0.0, seconds)
        self._counts[float(f"{seconds:.3g}")] += 1
        self._longest = max(self._longest, seconds)

    def to_json(self) -> dict[str, Any]:
        """Answer ``count``, ``median``, ``p95`` (both to three significant digits) and ``max``; None without any."""
        return {
            "count": self._counts.total(),
            "median": self._below(0.5),
            "p95": self._below(0.95),
            "max": round(self._longest, 3) if self._counts else None,
        }

    def _below(self, share: float) -> float | None:
        """Answer the shortest duration that so large a share is not longer than."""
        left = ceil(share * self._counts.total())
        for seconds, count in sorted(self._counts.items()):
            left -= count
            if left <= 0:
                return seconds
        return None
