"""Signed heads of logs: notes, keys, cosignatures, policies."""
