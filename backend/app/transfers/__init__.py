"""StreamWeave: transfers."""
