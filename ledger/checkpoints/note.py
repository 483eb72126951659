"""Signed notes: a text and signature lines (C2SP signed-note), taken apart and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ledger.checkpoints.base64text import decode_base64, encode_base64
from ledger.checkpoints.note_keys import KEY_ID_SIZE, NoteKey, check_key_name
from ledger.errors import MalformedError, SignatureError, UsageError

MAX_NOTE = 1 << 18
MAX_SIGNATURES = 64
MAX_SIGNATURE = 8_192

_DASH = "\N{EM DASH} "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")  # all below the space but the line end


class SignatureTextError(MalformedError):
    """A signature line whose base64 is none, or not in its one spelling."""


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the key it names, and the bytes after the key id."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text (with its last line end) and its signatures, none of them checked."""

    text: bytes
    signatures: tuple[NoteSignature, ...]

    def __bytes__(self) -> bytes:
        return self.text + b"\n" + signature_lines(self.signatures)


@dataclass(frozen=True, slots=True)
class VerifiedNote:
    """A text, and the keys that signed it, each with its timestamp; ``verify_note`` builds it."""

    text: bytes
    signed_by: tuple[tuple[NoteKey, int | None], ...]


def signature_lines(signatures: Iterable[NoteSignature]) -> bytes:
    """Return the lines as they stand in a note, and in the answer of a witness."""
    lines = (
        f"{_DASH}{each.name} {encode_base64(each.key_id + each.signature)}\n" for each in signatures
    )
    return "".join(lines).encode()


def parse_signature_lines(data: bytes) -> tuple[NoteSignature, ...]:
    """Take signature lines apart that stand alone; MalformedError if they are not exactly that."""
    return parse_note(b"-\n\n" + data).signatures


def parse_note(data: bytes) -> Note:
    """Take a note apart; MalformedError unless it is exactly one."""
    if len(data) > MAX_NOTE:
        raise MalformedError(f"a note of {len(data)} bytes, where {MAX_NOTE} are allowed")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("a note that is not UTF-8") from error
    if _CONTROL.search(whole):
        raise MalformedError("a note with control characters")
    text, empty_line, block = whole.rpartition("\n\n")
    if not empty_line or not block.endswith("\n"):
        raise MalformedError("a note is a text, an empty line and signature lines")
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise MalformedError(f"a note with {len(lines)} signatures")
    return Note((text + "\n").encode(), tuple(_parse_signature(line) for line in lines))


def verify_note(note: Note, keys: Iterable[NoteKey]) -> VerifiedNote:
    """Return who of ``keys`` signed; lines by other keys are ignored.

    SignatureError if a line by one of the keys does not verify, or if there is none.
    """
    known: dict[tuple[str, bytes], NoteKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise UsageError(f"two keys of one name and id: {key.name}")
    signed_by: dict[NoteKey, int | None] = {}
    for each in note.signatures:
        signer = known.get((each.name, each.key_id))
        if signer is not None:
            signed_by[signer] = signer.verify(each.signature, note.text)
    if not signed_by:
        raise SignatureError("the note is not signed by any key we know")
    return VerifiedNote(note.text, tuple(signed_by.items()))


def _parse_signature(line: str) -> NoteSignature:
    if not line.startswith(_DASH):
        raise MalformedError(f"not a signature line: {line[:60]!r}")
    name, _, encoded = line[len(_DASH) :].partition(" ")
    check_key_name(name)
    if len(encoded) > MAX_SIGNATURE:
        raise MalformedError(f"a signature of {name} that is too long")
    try:
        data = decode_base64(encoded)
    except MalformedError as error:
        raise SignatureTextError(f"a signature of {name}: {error}") from error
    if len(data) <= KEY_ID_SIZE:
        raise MalformedError(f"a signature of {name} that is too short")
    return NoteSignature(name, data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])
