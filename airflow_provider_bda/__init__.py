"""Apache Airflow provider for Amazon Bedrock Data Automation."""

from __future__ import annotations

__version__ = "0.1.0"
