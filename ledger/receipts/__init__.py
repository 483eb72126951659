"""Proofs that are checked without the log."""
