"""Of which devices a verifier demands a second signature: trust/second-signatures.

A line is the id of a device's first key (64 hexadecimal digits), or ``*`` for every device. Lines
that are empty or begin with ``#`` say nothing; anything else is an error, never passed over.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from provenance.errors import UsageError
from provenance.whole_file import write_whole

FILE = "second-signatures"
MAX_FILE = 1 << 20
EVERY = "*"
_KID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SecondDemand:
    """The first keys that must be joined by a second one; by default none."""

    kids: frozenset[bytes] = frozenset()
    every: bool = False

    def of(self, kid: bytes) -> bool:
        """Whether a seal by the first key ``kid`` must carry a second signature."""
        return self.every or kid in self.kids

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the lines of the file; UsageError names the first that is none."""
        kids, every = set(), False
        for number, line in enumerate(text.split("\n"), start=1):
            said = line.strip()
            if not said or said.startswith("#"):
                continue
            if said == EVERY:
                every = True
            elif _KID.fullmatch(said):
                kids.add(bytes.fromhex(said))
            else:
                raise UsageError(
                    f"line {number} is neither the id of a key (64 digits 0-9, a-f) nor *"
                )
        return cls(frozenset(kids), every)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file; if there is none, nothing is demanded."""
        if not path.exists():
            return cls()
        try:
            with path.open("rb") as file:
                content = file.read(MAX_FILE + 1)
            if len(content) > MAX_FILE:
                raise UsageError(f"{path} is too large for a trust file")
            return cls.parse(content.decode("ascii"))
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not a text file of key ids") from error
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error


def demand(path: Path, kid: bytes) -> None:
    """Add the first key ``kid`` to the file, which is whole at every moment."""
    if kid in SecondDemand.load(path).kids:
        return
    before = path.read_text("ascii") if path.exists() else ""
    if before and not before.endswith("\n"):
        before += "\n"
    write_whole(path, f"{before}{kid.hex()}\n".encode(), overwrite=True)
