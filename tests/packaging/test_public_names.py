"""The public names, as a list in the tree: a change of the API shows in review.

After a meant change: python tests/packaging/test_public_names.py
"""

import importlib
from pathlib import Path

PACKAGES = ("ledger", "provenance", "watermark")
LIST = Path(__file__).with_name("public-names.txt")


def public_names() -> str:
    """One line for each public name of each package."""
    names = [
        f"{package}.{name}"
        for package in PACKAGES
        for name in sorted(importlib.import_module(package).__all__)
    ]
    return "\n".join(names) + "\n"


def test_public_names_are_those_of_the_list() -> None:
    assert public_names() == LIST.read_text(encoding="utf-8")


def test_each_can_be_imported() -> None:
    for line in LIST.read_text(encoding="utf-8").splitlines():
        package, name = line.split(".")
        assert getattr(importlib.import_module(package), name) is not None


if __name__ == "__main__":
    LIST.write_text(public_names(), encoding="utf-8")
