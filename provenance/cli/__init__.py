"""The command `radseal`: the only place that prints."""

from provenance.cli.root import main

__all__ = ["main"]
