"""Whom a verifier believes: certificates, revocation, and by when something existed."""
