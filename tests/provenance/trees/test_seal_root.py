"""Roots and commitments by the book: docs/spec/statement.md and docs/spec/seal.md, by hand."""

import hashlib
from dataclasses import replace

import pytest

from ledger import Event
from provenance import EvidenceError
from provenance.claims.annex import Original
from provenance.claims.claim import Claim, _check_annex
from provenance.seal_root import (
    ObjectRoot,
    commit_descriptor,
    commit_object,
    commit_original,
    object_root,
)

SALT, IMAGE, HEADER = b"s" * 32, b"i" * 32, b"h" * 32


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def test_the_root_of_an_object() -> None:
    assert object_root(image_root=IMAGE, header_root=HEADER) == sha(
        b"\0radseal-object-1", IMAGE, HEADER
    )
    assert object_root(image_root=None, header_root=HEADER) == sha(
        b"\0radseal-object-1", bytes(32), HEADER
    )


def test_commitments() -> None:
    assert commit_object(SALT, ObjectRoot(IMAGE)) == sha(b"\0radseal-commitment-1", SALT, IMAGE)
    assert commit_original(SALT, IMAGE) == sha(b"\0radseal-original-1", SALT, IMAGE)
    assert commit_descriptor(SALT, b"x" * 4096) == sha(b"\0radseal-descriptor-1", SALT, b"x" * 4096)


def test_an_annex_that_does_not_fit_is_refused(quick_claim: Claim) -> None:
    """Each part for itself: what is there and was not signed, and what was signed and is not."""
    body, annex = quick_claim.body, quick_claim.annex
    _check_annex(body, annex, Event.SEALED)
    shown = Original(SALT, IMAGE)
    hidden = commit_original(SALT, IMAGE)
    thumbnail = b"t" * 4096
    covered = commit_descriptor(annex.salt, thumbnail)
    _check_annex(replace(body, original=hidden), replace(annex, original=shown), Event.SEALED)
    _check_annex(
        replace(body, descriptor=covered), replace(annex, descriptor=thumbnail), Event.SEALED
    )
    for signed, found, words in (
        (body, replace(annex, salt=b"x" * 32), "hashes are not those"),
        (body, replace(annex, image=None), "hashes are not those"),
        (body, replace(annex, original=shown), "original root"),
        (replace(body, original=hidden), annex, "original root"),
        (
            replace(body, original=hidden),
            replace(annex, original=Original(SALT, HEADER)),
            "original root",
        ),
        (body, replace(annex, descriptor=thumbnail), "descriptor"),
        (replace(body, descriptor=covered), annex, "descriptor"),
        (
            replace(body, descriptor=covered),
            replace(annex, descriptor=b"u" * 4096),
            "descriptor",
        ),
    ):
        with pytest.raises(EvidenceError, match=words):
            _check_annex(signed, found, Event.SEALED)
