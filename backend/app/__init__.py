"""StreamWeave's server: API, engine, flows and the local command line."""

__version__ = "0.1.0"
