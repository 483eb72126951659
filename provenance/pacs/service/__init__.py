"""The service over HTTP: judge, take in, show; STOW-RS."""
