"""A policy with comments, to begin with; a test loads it."""

from importlib import resources


def example_policy() -> str:
    """Return the text of the example."""
    return resources.files("provenance.policy").joinpath("example.toml").read_text("utf-8")
