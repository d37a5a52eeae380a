"""Custom outputs as tables: Parquet on S3, a row per segment, columns from the blueprint's schema.

``shapes``, ``schema`` and ``cells`` are pure; ``store`` knows where a dataset's files lie and swaps them; ``write`` puts them
together. pyarrow (extra ``parquet``) is imported when rows are written, and not before.
"""
