"""Media types of requests, strictly (RFC 9110, 8.3.1 and 12.5.1). Pure functions of header text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provenance.errors import MalformedError

MAX_TEXT = 1024
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - a syntax rule of that name
_TYPE = re.compile(rf"\s*({_TOKEN})/({_TOKEN})\s*")
# an unquoted value may hold a slash: clients send type=application/dicom, though no token has one
_PARAMETER = re.compile(rf';\s*({_TOKEN})=(?:"((?:[^"\\]|\\.)*)"|([^\s";,]+))\s*')


@dataclass(frozen=True, slots=True)
class MediaType:
    """A type in lower case, and its parameters by their names in lower case."""

    name: str
    parameters: Mapping[str, str]


def parse_media_type(text: str) -> MediaType:
    """Return the one media type in a header; MalformedError for anything else."""
    found, end = _parse(text, 0)
    if end != len(text):
        raise MalformedError("this is no media type")
    return found


def accepts(text: str | None, offered: Sequence[str]) -> bool:
    """Return whether a header Accept takes one of the types offered; none takes all.

    MalformedError if it is no such header.
    """
    allowed, refused = acceptable(text)
    taken, left = {each.name for each in allowed}, {each.name for each in refused}
    return any(_fits(each, taken) and each not in left for each in offered)


def acceptable(text: str | None) -> tuple[list[MediaType], list[MediaType]]:
    """Return what a header Accept takes, and what it wants by no means (q=0); none takes all.

    MalformedError if it is no such header.
    """
    if text is None or not text.strip():
        return [MediaType("*/*", {})], []
    at = 0
    allowed: list[MediaType] = []
    refused: list[MediaType] = []
    while at <= len(text):
        found, at = _parse(text, at)
        if at < len(text) and text[at] != ",":
            raise MalformedError("this is no list of media types")
        at += 1
        weight = found.parameters.get("q", "1")
        if not re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", weight):
            raise MalformedError("this is no weight of a media type")
        (allowed if float(weight) > 0 else refused).append(found)
    return allowed, refused


def _fits(offered: str, ranges: set[str]) -> bool:
    return not ranges.isdisjoint((offered, offered.partition("/")[0] + "/*", "*/*"))


def _parse(text: str, at: int) -> tuple[MediaType, int]:
    if len(text) > MAX_TEXT:
        raise MalformedError("this is too long for a media type")
    found = _TYPE.match(text, at)
    if found is None:
        raise MalformedError("this is no media type")
    parameters: dict[str, str] = {}
    at = found.end()
    while (parameter := _PARAMETER.match(text, at)) is not None:
        name, quoted, bare = parameter.groups()
        if name.lower() in parameters:
            raise MalformedError("a media type names a parameter twice")
        value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        parameters[name.lower()] = value
        at = parameter.end()
    return MediaType(f"{found[1]}/{found[2]}".lower(), parameters), at
