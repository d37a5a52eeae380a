"""Thousands of documents as one task.

A source is resolved on the worker into a manifest on S3; an engine submits and awaits the jobs and writes down
what it learns in a ledger on S3; whatever dies is taken up where the ledger ends.
"""
