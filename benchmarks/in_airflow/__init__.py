"""Figures of a real Airflow: what its processes cost for a document, and a batch of 10,000 in its triggerer."""
