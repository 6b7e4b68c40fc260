"""StreamWeave: api."""
