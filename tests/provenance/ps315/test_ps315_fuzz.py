"""Hostile signature items: always a finding, bounded, and never a signature that verifies."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import UnreadableError
from provenance.dicom.read import Instance, read_instance
from provenance.dicom.write import instance_bytes
from provenance.errors import RadsealError
from provenance.judging.signature_checks import signature_checks
from provenance.ps315.algorithms import der_value
from provenance.ps315.elements import fragments, read_dataset
from provenance.ps315.examine import MAX_SIGNATURES, State, examine_signatures
from provenance.ps315.profiles import Profile
from provenance.ps315.sign import DicomSigner, sign_object
from provenance.ps315.signature_items import places, surely_none_in


@pytest.fixture(scope="module")
def signed(make_dicom: Callable[..., bytes], make_identity: Callable[..., Any]) -> bytes:
    """A small signed object: its signature items are most of it."""
    identity = make_identity("SECP256R1")
    signer = DicomSigner.load(identity.key, identity.certificate, Profile.UNPROFILED)
    instance = read_instance(make_dicom(np.zeros((2, 2), dtype=np.uint16)))
    sign_object(instance, signer, uid="2.25.17", at=datetime.now(UTC))
    return instance_bytes(instance)


def examine(data: bytes) -> None:
    """Whatever it is: our own error while reading, or findings that can be put into words."""
    try:
        instance: Instance = read_instance(data)
    except UnreadableError:
        return
    if surely_none_in(instance):
        assert not list(places(read_dataset(instance)))
    found = examine_signatures(instance)
    assert len(found.found) <= MAX_SIGNATURES
    assert all(check.detail for check in signature_checks(found))
    assert all(f.state is State.VALID or not f.profiles for f in found.found)


@settings(max_examples=400)
@given(st.data())
def test_bytes_changed(signed: bytes, data: st.DataObject) -> None:
    changed = bytearray(signed)
    first = signed.index(b"\xfe\x4f\x01\x00")
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(first, len(signed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    examine(bytes(changed))


@settings(max_examples=200)
@given(st.data())
def test_bytes_cut_out_and_put_in(signed: bytes, data: st.DataObject) -> None:
    first = signed.index(b"\xfe\x4f\x01\x00")
    start = data.draw(st.integers(first, len(signed)))
    end = data.draw(st.integers(start, min(len(signed), start + 200)))
    examine(signed[:start] + data.draw(st.binary(max_size=60)) + signed[end:])


@settings(max_examples=200)
@given(tag=st.sampled_from([b"\xfe\x4f\x01\x00", b"\xfa\xff\xfa\xff"]), value=st.binary())
def test_values_of_any_bytes(signed: bytes, tag: bytes, value: bytes) -> None:
    at = signed.index(tag)
    size = int.from_bytes(signed[at + 8 : at + 12], "little")
    value += bytes(len(value) % 2)
    head = signed[: at + 8] + len(value).to_bytes(4, "little")
    examine(head + value + signed[at + 12 + size :])


@settings(max_examples=300)
@given(st.data())
def test_nothing_forged_verifies(signed: bytes, data: st.DataObject) -> None:
    """One byte of a signed element's value changed: never valid."""
    at = signed.index(b"Test^Phantom") + data.draw(st.integers(0, 11))
    byte = data.draw(st.integers(0x41, 0x5A).filter(lambda b: b != signed[at]))
    changed = signed[:at] + bytes([byte]) + signed[at + 1 :]
    (found,) = examine_signatures(read_instance(changed)).found
    assert found.state is State.BROKEN


@given(st.binary(max_size=40))
def test_der_lengths(value: bytes) -> None:
    try:
        cut = der_value(value)
    except RadsealError:
        return
    assert value.startswith(cut)
    assert len(value) - len(cut) in (0, 1)


@given(st.binary(max_size=80), st.lists(st.binary(max_size=9), max_size=5))
def test_fragments(junk: bytes, parts: list[bytes]) -> None:
    fragments(junk)
    whole = b"".join(b"\xfe\xff\x00\xe0" + len(p).to_bytes(4, "little") + p for p in parts)
    found = fragments(whole)
    assert (found is None) if not parts else (found is not None and list(found) == parts)


def test_many_places_and_signatures(signed: bytes) -> None:
    """Two thousand items that claim signatures: a bounded number is looked at."""
    at = signed.index(b"\xfa\xff\xfa\xff")
    size = int.from_bytes(signed[at + 8 : at + 12], "little")
    sequence = signed[at : at + 12 + size]
    item = b"\xfe\xff\x00\xe0" + len(sequence).to_bytes(4, "little") + sequence
    value = item * 2_000
    head = b"\x08\x00\x18\x22SQ\0\0" + len(value).to_bytes(4, "little")
    name = signed.index(b"\x10\x00\x10\x00PN")
    found = examine_signatures(read_instance(signed[:name] + head + value + signed[name:]))
    assert len(found.found) == MAX_SIGNATURES
    assert found.unexamined == 2_001 - MAX_SIGNATURES
