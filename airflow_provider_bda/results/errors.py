"""The one error of reading results. It never carries a value read from a document."""

from __future__ import annotations


class ResultsError(ValueError):
    """What lies there is not what Bedrock Data Automation writes."""
