"""What a blueprint optimization measured, and the schema it made. Pure: JSON in, typed view out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

METRICS = ("confidence", "exactMatch", "f1")


@dataclass(frozen=True, slots=True)
class OptimizationResult:
    """Metrics before and after, and the new schema.

    :param uri: of the result file.
    :param before: ``confidence``, ``exactMatch`` and ``f1`` of the blueprint as it was.
    :param after: the same of the optimized one.
    :param schema: the optimized schema.
    """

    uri: str
    before: dict[str, float]
    after: dict[str, float]
    schema: dict[str, Any]

    @classmethod
    def from_json(cls, uri: str, data: Any) -> OptimizationResult:
        """Read ``optimization_results.json``.

        :raises ValueError: it is no such file.
        """
        try:
            comparison = data["evaluationComparison"]
            before, after = comparison["before"], comparison["after"]
            schema = after["blueprintSchema"]
            return cls(
                uri=uri,
                before=_metrics(before["aggregateMetrics"]),
                after=_metrics(after["aggregateMetrics"]),
                schema=json.loads(schema) if isinstance(schema, str) else dict(schema),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                f"{uri} is no result of a blueprint optimization ({type(error).__name__}: {error})"
            ) from error

    def improvement(self, metric: str) -> float | None:
        """Answer by how much a metric rose; None if the file does not have it."""
        if metric not in self.before or metric not in self.after:
            return None
        return self.after[metric] - self.before[metric]


def _metrics(values: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
