"""The Merkle tree of a log, and its tiles."""
