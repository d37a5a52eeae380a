"""Which documents a person should look at, and what becomes of what they say. Pure."""

from __future__ import annotations

from airflow_provider_bda.review.corrections import Correction, corrected_output, corrections_of
from airflow_provider_bda.review.form import form_of
from airflow_provider_bda.review.policy import Review, ReviewPolicy

__all__ = ["Correction", "Review", "ReviewPolicy", "corrected_output", "corrections_of", "form_of"]
