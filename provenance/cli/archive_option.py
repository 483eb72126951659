"""The option --archive: where what is let in goes."""

import re
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from provenance.pacs.gateway.configuration import Archive

_FORM = re.compile(
    r"([A-Za-z0-9._-]{1,64})=([!-?A-\[\]-~](?:[ -?A-\[\]-~]{0,14}[!-?A-\[\]-~])?)@(.+):([0-9]{1,5})"
)


def parse_archives(words: tuple[str, ...]) -> "tuple[Archive, ...]":
    """Return the archives that were named; a usage error for one that is not of the form."""
    from provenance.pacs.gateway.configuration import Archive

    found = []
    for each in words:
        match = _FORM.fullmatch(each)
        if match is None or not 1 <= int(match[4]) <= 65_535:
            raise click.UsageError(f"--archive {each}: the form is NAME=AE_TITLE@HOST:PORT")
        found.append(Archive(match[1], match[2], match[3], int(match[4])))
    if len({each.name for each in found}) != len(found):
        raise click.UsageError("two archives have the same name")
    return tuple(found)
