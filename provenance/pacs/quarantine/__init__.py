"""Quarantine: who may decide, by whose signatures, and the note that tells other archives."""
