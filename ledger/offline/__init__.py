"""What a device signs while it cannot reach the log."""
