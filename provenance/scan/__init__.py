"""Judge whole archives: list once, share out in chunks, keep one result for each object."""
