"""CBOR, COSE_Sign1, and the keys that sign statements."""
