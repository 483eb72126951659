"""One instance as a manifest lists it: its place, its seal and its roots.

Knows no file and no log; docs/spec/study.md has the format.
"""

import re
from dataclasses import dataclass
from typing import Self

from provenance.errors import MalformedError
from provenance.judging.verdict import Word

HASH_SIZE, SEAL_ID_SIZE = 32, 12
MAX_NUMBER = 1 << 31  # (0020,0013) Instance Number and frames: IS, of 32 bits
MAX_DECIMAL = 16  # VR DS
WORDS = (Word.AUTHENTIC, Word.CORRECTED, Word.DERIVED, Word.UNSEALED)
_UID = re.compile(r"[0-9.]{1,64}", re.ASCII)
_WORDS = {word.value: word for word in WORDS}

Position = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class SealRef:
    """Which seal an instance has: its id, and the leaf hash of the statement."""

    seal_id: bytes
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class Listed:
    """One instance of a study; ``word`` was its verdict when the study was closed."""

    instance_uid: str
    class_uid: str
    series_uid: str
    number: int | None
    frames: int
    position: Position | None
    word: Word
    seal: SealRef | None
    object_root: bytes
    image_root: bytes | None
    original_root: bytes | None = None

    def to_cbor(self) -> list[object]:
        """Return the array that stands in the manifest."""
        seal = self.seal
        return [
            self.instance_uid,
            self.class_uid,
            self.series_uid,
            self.number,
            self.frames,
            None if self.position is None else list(self.position),
            self.word.value,
            None if seal is None else [seal.seal_id, seal.leaf_hash],
            self.object_root,
            self.image_root,
            self.original_root,
        ]

    @classmethod
    def from_cbor(cls, encoded: object) -> Self:
        """Parse strictly; MalformedError."""
        match encoded:
            case [
                str(instance_uid),
                str(class_uid),
                str(series_uid),
                (int() | None) as number,
                int(frames),
                position,
                str(word),
                seal,
                bytes(object_root),
                (bytes() | None) as image_root,
                (bytes() | None) as original_root,
            ]:
                pass
            case _:
                raise MalformedError("an instance of a manifest has not the fields of its format")
        if not all(is_uid(uid) for uid in (instance_uid, class_uid, series_uid)):
            raise MalformedError("an instance of a manifest is named by what is no UID")
        if not _is_number(number) or type(frames) is not int or not 0 <= frames < MAX_NUMBER:
            raise MalformedError("an instance number or count of frames is out of bounds")
        hashes = (object_root, image_root, original_root)
        if any(each is not None and len(each) != HASH_SIZE for each in hashes):
            raise MalformedError("a root in a manifest is not 32 bytes long")
        if word not in _WORDS:
            raise MalformedError(f"no instance is listed as {word[:40]!r}")
        found = cls(
            instance_uid,
            class_uid,
            series_uid,
            number,
            frames,
            _position(position),
            _WORDS[word],
            _seal(seal),
            object_root,
            image_root,
            original_root,
        )
        found._require_consistent()
        return found

    def _require_consistent(self) -> None:
        if (self.seal is None) is not (self.word is Word.UNSEALED):
            raise MalformedError("an instance is listed with a seal or as UNSEALED, never as both")
        if (self.frames == 0) is not (self.image_root is None):
            raise MalformedError("frames and an image root go together")
        if self.original_root is not None and (self.seal is None or self.image_root is None):
            raise MalformedError("only a sealed image has one from before it was marked")

    @property
    def content(self) -> bytes | None:
        """By what the picture itself is known, whatever mark was put into it."""
        return self.original_root or self.image_root


def is_uid(text: str) -> bool:
    """Whether a text can be a UID (PS3.5 9.1), as far as this format asks."""
    return _UID.fullmatch(text) is not None


def _is_number(number: int | None) -> bool:
    return number is None or (type(number) is int and -MAX_NUMBER <= number < MAX_NUMBER)


def _is_decimal(text: object) -> bool:
    return isinstance(text, str) and 1 <= len(text) <= MAX_DECIMAL and text.isascii()


def _position(encoded: object) -> Position | None:
    match encoded:
        case None:
            return None
        case [str(x), str(y), str(z)] if all(map(_is_decimal, (x, y, z))):
            return x, y, z
        case _:
            raise MalformedError("a position in a manifest is null or three decimal strings")


def _seal(encoded: object) -> SealRef | None:
    match encoded:
        case None:
            return None
        case [bytes(seal_id), bytes(leaf_hash)] if (
            len(seal_id) == SEAL_ID_SIZE and len(leaf_hash) == HASH_SIZE
        ):
            return SealRef(seal_id, leaf_hash)
        case _:
            raise MalformedError("a seal in a manifest is null or an id and a leaf hash")
