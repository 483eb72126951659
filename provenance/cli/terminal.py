"""What may reach a terminal: text of files is hostile, colour is only an addition."""

import os
import unicodedata

import click

_COLOURS = {
    "AUTHENTIC": "green",
    "CORRECTED": "green",
    "ALTERED": "red",
    "STRIPPED": "red",
    "UNREADABLE": "red",
    "UNTRUSTED": "yellow",
    "HEADER CHANGED": "yellow",
    "DERIVED": "yellow",
    "UNSEALED": "cyan",
    "NOT CHECKED": "cyan",
    "COMPLETE": "green",
    "DIFFERS": "red",
    "INCOMPLETE": "red",
    "UNPROVEN": "yellow",
    "NOT CLOSED": "cyan",
    "pass": "green",
    "FAIL": "red",
    "warn": "yellow",
    "skip": "cyan",
}
# Cc control, Cf format (bidirectional overrides among them), Cs surrogates, Zl Zp line ends.
_HOSTILE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def plain(text: object) -> str:
    """Return ``text`` with every control and format character spelt out, as ``\\x1b``.

    Attributes and file names come from whoever sent the file; printed raw they could move the
    cursor, recolour a verdict or turn the reading direction.
    """
    words = str(text)
    if words.isascii() and words.isprintable():
        return words
    return "".join(_spelt(c) if unicodedata.category(c) in _HOSTILE else c for c in words)


def coloured(word: str, *, width: int = 0) -> str:
    """Return a verdict or status word in its colour, padded; the word itself always stays."""
    padded = word.ljust(width)
    colour = _COLOURS.get(word)
    return padded if colour is None else click.style(padded, fg=colour, bold=True)


def colour_wanted() -> bool | None:
    """Return False when NO_COLOR (no-color.org) forbids colour, else None: a terminal decides."""
    return False if os.environ.get("NO_COLOR") else None


def _spelt(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
