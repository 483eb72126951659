"""What was taken in, on disk until every archive has it."""
