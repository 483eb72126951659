"""What a birth asserts of its object, and the annex that opens it (docs/spec/seal.md)."""
