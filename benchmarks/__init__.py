"""Figures against a peer, both measured in the same run: ``python -m benchmarks`` (``make bench``).

Benchmarks are no timed tests: a goal that is missed is printed, and only lost or wrong events fail.
"""
