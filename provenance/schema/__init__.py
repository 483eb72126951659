"""JSON answers with a versioned schema; the schema files lie beside this module."""

from importlib import resources


def schema_text(name: str) -> str:
    """Return the JSON schema of an answer, such as ``verify-1``."""
    return resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
