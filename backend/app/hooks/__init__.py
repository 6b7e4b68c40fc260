"""StreamWeave: hooks."""
