"""Thin Prefect flows: they start a run of the engine and show how it ended."""
