"""StreamWeave: services."""
