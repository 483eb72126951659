"""Are our siblings really ours? `watermark` and `ledger` are common names.

pip replaces a package of the same name without a word, so this compares a constant that all three
packages carry, before anything is imported from them. What is not loaded yet is judged by its
source: an intruder's code is not run, and ours is not loaded before it is needed.
"""

import ast
import importlib
import importlib.util
import sys
from importlib.abc import InspectLoader
from types import ModuleType

IDENTITY = "radseal/1"
SIBLINGS = ("watermark", "ledger")
_CONSTANT = "__radseal__"


def check_siblings() -> None:
    """Raise ImportError, naming the intruder, unless both siblings are radseal's."""
    for name in SIBLINGS:
        place = intruder(name)
        if place is not None:
            raise ImportError(
                f"the package {name!r} at {place} is not radseal's: another distribution owns "
                "that name here. Install radseal in an environment of its own."
            )


def intruder(name: str) -> str | None:
    """Return where the package ``name`` lies if it is not radseal's; ImportError without one."""
    module = sys.modules.get(name)
    if module is None:
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ImportError(f"the package {name!r} is missing: install radseal again", name=name)
        source = None
        if isinstance(spec.loader, InspectLoader):
            source = spec.loader.get_source(name)
        if source is not None:
            return None if _says(source) else str(spec.origin)
        module = importlib.import_module(name)
    return None if is_ours(module) else location(module)


def is_ours(module: ModuleType) -> bool:
    """Whether ``module`` carries radseal's constant."""
    return getattr(module, _CONSTANT, None) == IDENTITY


def location(module: ModuleType) -> str:
    """Where a module was loaded from."""
    return str(getattr(module, "__file__", None) or "an unknown place")


def _says(source: str) -> bool:
    """Whether the source of a package assigns radseal's constant at its top level."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=identifier)], value=ast.Constant(value=value)) if (
                identifier == _CONSTANT
            ):
                return value == IDENTITY
            case _:
                continue
    return False
