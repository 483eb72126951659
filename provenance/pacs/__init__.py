"""Between modality and archive: take in, verify, decide by policy, forward, and lose nothing."""
