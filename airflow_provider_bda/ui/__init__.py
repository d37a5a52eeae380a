"""The monitor in Airflow's UI: batches, jobs, and what was read out of a document. It changes nothing.

``plugin`` is imported wherever Airflow loads plugins, so it imports nothing but Airflow's base class;
everything else is imported by the api-server at the first request.
"""
