"""The attribute table: what each attribute means to a verifier. The data is attributes.csv.

The table belongs to the header tree's format, version 1 (docs/spec/header-tree.md): a row is never
changed, or an old seal would no longer fit.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from pydicom.datadict import keyword_for_tag

OVERLAYS = 0x6000  # (60xx,eeee): the groups 6000, 6002 ... 60FE, PS3.5 7.6
PRIVATE_TAG = 0
PRIVATE_KEYWORD = "PrivateAttributes"


class Group(StrEnum):
    """The part of the header tree an attribute belongs to, in the order of the tree."""

    INSTANCE = "instance"
    IDENTITY = "identity"
    GEOMETRY = "geometry"
    DISPLAY = "display"
    ACQUISITION = "acquisition"
    REST = "rest"
    PRIVATE = "private"


class Severity(StrEnum):
    """What a change of the attribute means, gravest first."""

    CLINICAL = "clinical"
    ADMINISTRATIVE = "administrative"
    LOW = "low"
    INFORMATIONAL = "informational"


class Rule(StrEnum):
    """How two values are compared."""

    VALUE = "value"
    PHOTOMETRIC_CLASS = "photometric class"
    MAY_BE_ADDED = "value, may be added"


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute that is signed, present or not."""

    tag: int
    keyword: str
    group: Group
    severity: Severity
    rule: Rule


@dataclass(frozen=True, slots=True)
class Table:
    """Signed attributes by tag; attributes that only encode; what holds for overlay groups."""

    signed: Mapping[int, Row]
    encoding: frozenset[int]
    overlays: Row

    def describe(self, tag: int) -> Row:
        """Return what holds for ``tag``, in the table or not."""
        row = self.signed.get(tag)
        if row is not None:
            return row
        if tag == PRIVATE_TAG:
            return Row(tag, PRIVATE_KEYWORD, Group.PRIVATE, Severity.INFORMATIONAL, Rule.VALUE)
        keyword = keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
        if tag >> 24 == OVERLAYS >> 8:
            return Row(tag, keyword, self.overlays.group, self.overlays.severity, Rule.VALUE)
        return Row(tag, keyword, Group.REST, Severity.ADMINISTRATIVE, Rule.VALUE)


@cache
def attribute_table() -> Table:
    """Load the table once."""
    signed: dict[int, Row] = {}
    encoding: set[int] = set()
    repeated: list[Row] = []
    text = files(__package__).joinpath("attributes.csv").read_text("ascii")
    for line in csv.DictReader(text.splitlines()):
        tag = int(line["tag"].replace("x", "0"), 16)
        if line["group"] == "encoding":
            encoding.add(tag)
            continue
        row = Row(
            tag,
            line["keyword"],
            Group(line["group"]),
            Severity(line["severity"]),
            Rule(line["rule"]),
        )
        if "x" in line["tag"]:
            repeated.append(row)
        else:
            signed[tag] = row
    (overlays,) = repeated
    return Table(MappingProxyType(signed), frozenset(encoding), overlays)
