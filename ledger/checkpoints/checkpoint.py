"""The text of a checkpoint: origin, size and root of a log (C2SP tlog-checkpoint)."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.checkpoints.base64text import decode_base64, decode_decimal, encode_base64
from ledger.errors import MalformedError, UsageError
from ledger.links import HASH_SIZE


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says about itself; nobody has checked any signature."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        if not all(lines) or any(ord(character) < 0x20 for line in lines for character in line):
            raise UsageError("the lines of a checkpoint are not empty and have no line ends")
        if not 0 <= self.size < 2**64 or len(self.root) != HASH_SIZE:
            raise UsageError("a checkpoint has a size and a root of 32 bytes")

    @property
    def text(self) -> bytes:
        """The exact bytes that are signed."""
        lines = (self.origin, str(self.size), encode_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines).encode()


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Read the text of a checkpoint, without its signatures."""
    try:
        lines = text.decode().split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError("a checkpoint that is not UTF-8") from error
    if len(lines) < 4 or lines.pop():
        raise MalformedError("a checkpoint has at least three lines, each with its line end")
    origin, size, root, *extensions = lines
    try:
        return Checkpoint(
            origin,
            decode_decimal(size, bits=64),
            decode_base64(root, size=HASH_SIZE),
            tuple(extensions),
        )
    except UsageError as error:
        raise MalformedError(str(error)) from error
