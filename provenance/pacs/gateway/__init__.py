"""The gateway: its configuration, its processes, and what watches them."""
