"""A log behind a server: what goes over the line, and both ends of it."""
