"""What a log can be asked beside its proofs."""
