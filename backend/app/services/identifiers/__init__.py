"""Identifiers: ARKs by default."""
