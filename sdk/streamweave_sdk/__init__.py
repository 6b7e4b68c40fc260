"""StreamWeave for programs: a client of the REST API, its command line, the hook contract."""
