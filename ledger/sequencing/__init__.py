"""Many who register, one who writes at a time."""
