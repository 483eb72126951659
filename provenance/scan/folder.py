"""A folder as a source: every regular file below it, in the order of the walk.

The uri of a file is its path below the folder as UTF-8; what is not UTF-8, control characters and
the percent sign are written ``%XX``.
"""

import json
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote_to_bytes

from provenance.errors import OutOfReachError, UsageError
from provenance.scan.outcome import Apart, Entry
from provenance.scan.source import NotGivenError, Page
from provenance.walk import Found, below

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder by its absolute path."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> Self:
        """Name a folder; UsageError if there is none."""
        root = path.absolute()
        if "\0" in str(path) or not root.is_dir():
            raise UsageError(
                f"{path} is no folder, and not the address of an archive: "
                "orthanc+http://HOST:PORT or dicomweb+https://HOST/ROOT"
            )
        return cls(root)

    @property
    def place(self) -> str:
        """The path of the folder, which is spelt like a uri if it is not UTF-8."""
        text = str(self.root)
        if not text.isprintable():
            raise UsageError(f"the path of the folder {uri_of(self.root)} is not plain text")
        return text

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Walk it in sorted order; links are followed, a folder is entered once.

        To go on, everything before is walked again: so a folder that a link leads to is not
        entered twice.
        """
        after = None if cursor is None else tuple(json.loads(cursor))
        entries: list[Entry] = []
        skipped: Counter[str] = Counter()
        kind = self._look()
        for found in below(self.root, kind, set()):
            path = found.below if isinstance(found, Found) else found[0].relative_to(self.root)
            if after is not None and path.parts <= after:
                continue
            if isinstance(found, Found):
                entries.append(Entry(uri_of(path), found.problem))
            else:
                skipped[found[1].value] += 1
            if len(entries) + skipped.total() >= PAGE:
                yield Page(tuple(entries), json.dumps(path.parts), tuple(skipped.items()))
                entries, skipped = [], Counter()
            last = path.parts
        if entries or skipped:
            yield Page(tuple(entries), json.dumps(last), tuple(skipped.items()))

    def fetch(self, uri: str) -> Path:
        """Return the path of a file; one that has become something else is not given."""
        path = self.root / path_of(uri)
        try:
            kind = path.stat()
        except FileNotFoundError as error:
            self._look()
            words = "there is no file of this name any more"
            raise NotGivenError(words, apart=Apart.GONE) from error
        except OSError:
            self._look()
            return path  # whoever reads it says what is wrong
        if not stat.S_ISREG(kind.st_mode):
            raise NotGivenError("it is no regular file any more", apart=Apart.GONE)
        return path

    def close(self) -> None:
        """Nothing is held open."""

    def _look(self) -> os.stat_result:
        try:
            kind = self.root.stat()
            if stat.S_ISDIR(kind.st_mode):
                return kind
            why = "it is no folder any more"
        except OSError as error:
            why = error.strerror or type(error).__name__
        raise OutOfReachError(f"the folder {self.root} cannot be reached: {why}")


def uri_of(path: Path) -> str:
    """Return the uri of a path below the folder."""
    text = os.fsencode(path).decode("utf-8", "surrogateescape")
    return "".join(map(_spelt, text))


def path_of(uri: str) -> Path:
    """Return the path of a uri."""
    return Path(os.fsdecode(unquote_to_bytes(uri)))


def _spelt(character: str) -> str:
    if character != "%" and unicodedata.category(character) not in ("Cc", "Cs"):
        return character
    raw = character.encode("utf-8", "surrogateescape")
    return "".join(f"%{byte:02X}" for byte in raw)
