"""How good results are: against ground truth, against another run, and against what production was like before. Pure.

rapidfuzz (extra ``evaluation``) is imported by the rule that needs it, and not before.
"""

from __future__ import annotations

from airflow_provider_bda.evaluation.drift import drift_of
from airflow_provider_bda.evaluation.report import drift_markdown, scores_markdown
from airflow_provider_bda.evaluation.rules import Rule, date, exact, fuzzy, number
from airflow_provider_bda.evaluation.score import Scores

__all__ = [
    "Rule",
    "Scores",
    "date",
    "drift_markdown",
    "drift_of",
    "exact",
    "fuzzy",
    "number",
    "scores_markdown",
]
