"""Witnesses, and the log that asks them."""
