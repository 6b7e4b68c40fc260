"""The engine's SQL: everything the engine asks of the database, one file a step."""
