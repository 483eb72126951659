"""A log as static files: exported, served, followed, pruned."""
