"""Profiles: who removes the identity. A function from a dataset to another, found by its name.

Distributions offer theirs as entry points of the group ``radseal.deidentifiers``. What one returns
is checked like a file of any tool; it is believed nothing.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from io import BytesIO
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from provenance.dicom.instance import Instance
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.errors import SealError, UsageError

GROUP = "radseal.deidentifiers"
PROFILE_FAILED = "SE504"
# Shipped ones: their package is an extra, and imported when it is asked for.
BUILT_IN: Mapping[str, str] = {"dicognito": "provenance.deidentification.with_dicognito:deidentify"}

Deidentifier = Callable[[Dataset], Dataset]


def profile_names() -> tuple[str, ...]:
    """Return the names that ``find_profile`` knows, shipped ones first."""
    found = sorted({each.name for each in entry_points(group=GROUP)} - set(BUILT_IN))
    return (*BUILT_IN, *found)


def find_profile(name: str) -> Deidentifier:
    """Load a profile; UsageError where there is none, two, or its package is missing."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found: Any = getattr(import_module(module), attribute)
        return _checked(name, found)
    offered = [each for each in entry_points(group=GROUP) if each.name == name]
    if len(offered) != 1:
        known = ", ".join(profile_names())
        raise UsageError(f"{len(offered)} profiles are called {name!r}; there are {known}")
    try:
        found = offered[0].load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"the profile {name!r} cannot be loaded: {error}") from error
    return _checked(name, found)


def apply_profile(original: Instance, name: str) -> Instance:
    """Let a profile remove the identity, from a dataset of its own; SealError when it fails."""
    deidentify = find_profile(name)
    try:
        dataset = pydicom.dcmread(BytesIO(instance_bytes(original)))
        result = deidentify(dataset)
        buffer = BytesIO()
        result.save_as(buffer, enforce_file_format=True)
    except UsageError:
        raise
    except Exception as error:  # foreign code may raise anything
        raise SealError(
            f"the profile {name!r} failed: {type(error).__name__}", code=PROFILE_FAILED
        ) from error
    return read_instance(buffer.getvalue())


def _checked(name: str, found: Any) -> Deidentifier:
    if not callable(found):
        raise UsageError(f"the profile {name!r} is no function of a dataset")
    deidentifier: Deidentifier = found
    return deidentifier
