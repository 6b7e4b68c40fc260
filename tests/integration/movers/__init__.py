"""The conformance suite of movers, over those of this repository."""
