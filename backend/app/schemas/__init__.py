"""StreamWeave: schemas."""
