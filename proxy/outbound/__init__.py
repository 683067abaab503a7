"""The HTTP client towards authorization servers: the one way out that is not content."""
