"""Copies made on purpose, and their parents (docs/spec/derivation.md)."""
