"""Benchmarks: StreamWeave and a reference, alternated in one run, so that ratios mean something."""
