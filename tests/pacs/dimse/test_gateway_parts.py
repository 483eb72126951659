"""The parts of the gateway's DICOM: strict parsers over any bytes, and laws of what they write."""

import random
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.sop_class import _STORAGE_CLASSES

from provenance.errors import MalformedError
from provenance.pacs.dimse.backoff import Backoff
from provenance.pacs.dimse.command_set import Element, read_command, write_command
from provenance.pacs.dimse.line import LineError, data_pdus, fragments
from provenance.pacs.dimse.negotiation import (
    VERIFICATION,
    Context,
    accept,
    is_accepted,
    read_answer,
    read_request,
    request_pdu,
)

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
NUMBERS = st.integers(0, 0xFFFF)


@given(st.dictionaries(st.sampled_from([Element.MESSAGE_ID, Element.STATUS]), NUMBERS))
def test_a_command_reads_back(elements: dict[Element, int]) -> None:
    said = {**elements, Element.SOP_CLASS: CT, Element.COMMAND: 1}
    assert read_command(write_command(said)) == said


@given(st.binary(max_size=300))
def test_no_bytes_do_more_to_a_command_than_be_refused(data: bytes) -> None:
    try:
        found = read_command(data)
        found.number(Element.COMMAND)
    except MalformedError:
        return
    assert data


@given(st.data())
def test_a_damaged_command_is_refused_or_read(data: st.DataObject) -> None:
    whole = bytearray(write_command({Element.SOP_CLASS: CT, Element.COMMAND: 1}))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_command(bytes(whole))
    except MalformedError:
        return


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=8), st.booleans())
def test_fragments_are_those_that_were_written(parts: Sequence[bytes], command: bool) -> None:
    data = data_pdus(
        5, [(part, n == len(parts) - 1) for n, part in enumerate(parts)], command=command
    )
    found = []
    while data:
        length = int.from_bytes(data[2:6], "big")
        found += [
            (context, control, bytes(part))
            for context, control, part in fragments(memoryview(data)[6 : 6 + length])
        ]
        data = data[6 + length :]
    assert [part for _, _, part in found] == list(parts)
    assert {context for context, _, _ in found} == {5}
    assert [bool(control & 2) for _, control, _ in found].count(True) == 1
    assert all(bool(control & 1) is command for _, control, _ in found)


@given(st.binary(max_size=100))
def test_no_bytes_do_more_to_fragments_than_be_refused(data: bytes) -> None:
    try:
        total = sum(len(part) + 6 for _, _, part in fragments(memoryview(data)))
    except LineError:
        return
    assert total == len(data)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_to_a_request_than_be_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read_request(data)


@given(st.data())
def test_a_damaged_request_is_refused_or_answered(data: st.DataObject) -> None:
    whole = bytearray(request_pdu("A", "B", [Context(CT, EXPLICIT), Context(CT, IMPLICIT)]))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        request = read_request(bytes(whole))
    except MalformedError:
        return
    agreed, _ = accept(request)
    assert set(agreed.contexts) <= {each.context_id for each in request.proposed}


def test_both_ends_agree() -> None:
    wanted = [Context(CT, EXPLICIT), Context(CT, IMPLICIT), Context("1.2.3.4", EXPLICIT)]
    agreed, answer = accept(read_request(request_pdu("A", "B", wanted)))
    assert read_answer(answer, wanted) == agreed
    assert dict(enumerate(agreed.contexts.values())) == dict(enumerate(wanted))


def test_what_is_taken_for_storage() -> None:
    assert all(is_accepted(uid) for uid in _STORAGE_CLASSES.values())
    assert is_accepted(VERIFICATION)
    assert is_accepted("1.2.826.0.1.3680043.9.9999.1")
    for other in ("", "1.2.840.10008.5.1.4.31", "1.2.840.10008.5.1.4.1.2.2.1", EXPLICIT):
        assert not is_accepted(other)


def test_the_wait_grows_and_has_an_end() -> None:
    backoff = Backoff(chance=random.Random(1))
    waits = [backoff.failed() for _ in range(40)]
    assert all(timedelta(seconds=0.5) <= wait <= timedelta(minutes=5) for wait in waits)
    assert waits[-1] >= timedelta(minutes=2.5)
    backoff.succeeded()
    assert backoff.failed() <= timedelta(seconds=1)
