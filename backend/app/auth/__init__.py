"""StreamWeave: auth."""
