"""Associations as they are on the wire, and seeded ways to spoil them (PS3.8, 9.3). Pure."""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway_faults.world import data_set, uid_of
from provenance.pacs.dimse.command_set import Command, Element, write_command
from provenance.pacs.dimse.line import Pdu, data_pdus, pdu
from provenance.pacs.dimse.negotiation import Context, request_pdu

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
RELEASE = pdu(Pdu.RELEASE_RQ, bytes(4))
ABORT = pdu(Pdu.ABORT, bytes(4))
_FRAGMENT = 4096


@dataclass(frozen=True, slots=True)
class Stream:
    """The PDUs of one association that stores one object: all that its requestor says."""

    request: bytes
    command: bytes
    data: tuple[bytes, ...]
    end: bytes = RELEASE

    @classmethod
    def of(cls, path: Path) -> "Stream":
        """Make the one that stores a file."""
        content = data_set(path.read_bytes())
        parts = [content[at : at + _FRAGMENT] for at in range(0, len(content), _FRAGMENT)]
        command = write_command(
            {
                Element.SOP_CLASS: CT,
                Element.COMMAND: Command.C_STORE_RQ,
                Element.MESSAGE_ID: 1,
                Element.PRIORITY: 0,
                Element.DATASET_TYPE: 0,
                Element.SOP_INSTANCE: uid_of(path),
            }
        )
        return cls(
            request_pdu("FUZZ", "RADSEAL", [Context(CT, EXPLICIT)]),
            data_pdus(1, [(command, True)], command=True),
            tuple(data_pdus(1, [(p, p is parts[-1])], command=False) for p in parts),
        )

    @property
    def messages(self) -> list[bytes]:
        """What follows the request."""
        return [self.command, *self.data, self.end]


Spoil = Callable[[Stream, random.Random], tuple[bytes, list[bytes]]]


def _noise(_: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    return chance.randbytes(chance.randrange(1, 300)), []


def _bytes_of_request(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    return _flipped(stream.request, chance), stream.messages


def _truncated_request(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    return stream.request[: chance.randrange(len(stream.request))], []


def _lying_request(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    """One of the lengths within it says another number."""
    made = bytearray(stream.request)
    if chance.random() < 0.3:
        made[2:6] = _length(chance)
    else:
        at = chance.choice([74 + 2, 74 + 4 + 21 + 2, len(made) - 58 + 2])
        made[at : at + 2] = struct.pack(">H", chance.randrange(1 << 16))
    return bytes(made), stream.messages


def _repeated_items(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    """Variable items again and again: application contexts, presentation contexts, users."""
    body = stream.request[74:]
    items, at = [], 0
    while at + 4 <= len(body):
        end = at + 4 + struct.unpack_from(">H", body, at + 2)[0]
        items.append(body[at:end])
        at = end
    chosen = b"".join(chance.choice(items) for _ in range(chance.choice([2, 40, 400])))
    made = stream.request[6:74] + chosen + (body if chance.random() < 0.5 else b"")
    return pdu(Pdu.ASSOCIATE_RQ, made), stream.messages


def _huge_contexts(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    """More presentation contexts than there are numbers, each with many transfer syntaxes."""
    syntaxes = [f"1.2.840.10008.1.2.{n}" for n in range(chance.choice([1, 20, 60]))]
    count = chance.choice([128, 200, 255])
    contexts = b""
    for number in range(count):
        abstract = b"1.2.840.10008.5.1.4.1.1.%d" % number
        inner = struct.pack(">BxH", 0x30, len(abstract)) + abstract
        for each in syntaxes:
            inner += struct.pack(">BxH", 0x40, len(each)) + each.encode()
        contexts += struct.pack(">BxHBxxx", 0x20, len(inner) + 4, number) + inner
    made = stream.request[6:99] + contexts + stream.request[99:]
    return pdu(Pdu.ASSOCIATE_RQ, made), stream.messages


def _flipped_data(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    messages = stream.messages
    at = chance.randrange(len(messages))
    messages[at] = _flipped(messages[at], chance)
    return stream.request, messages


def _lying_data(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    """The length of a PDU or of a PDV says another number."""
    messages = stream.messages
    at = chance.randrange(len(messages) - 1)
    made, place = bytearray(messages[at]), chance.choice([2, 6])
    made[place : place + 4] = _length(chance)
    messages[at] = bytes(made)
    return stream.request, messages


def _wrong_flags(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    """Context and message control header of a PDV (PS3.8, E.2): command or data, last or not."""
    messages = stream.messages
    for at in chance.sample(range(len(messages) - 1), chance.randrange(1, 4)):
        made = bytearray(messages[at])
        made[chance.choice([10, 11])] = chance.choice([0, 1, 2, 3, 5, 128, 255])
        messages[at] = bytes(made)
    return stream.request, messages


def _other_order(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    messages = [*stream.messages, ABORT, stream.request, pdu(Pdu.ASSOCIATE_AC, bytes(68))]
    chance.shuffle(messages)
    return stream.request, messages


def _broken_off(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    sent = b"".join(stream.messages)
    return stream.request, [sent[: chance.randrange(len(sent))]]


def _aborted(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    messages = stream.messages
    return stream.request, [*messages[: chance.randrange(len(messages))], ABORT]


def _one_byte_pdvs(stream: Stream, chance: random.Random) -> tuple[bytes, list[bytes]]:
    """The command in PDVs of one byte, some of them empty, all in one PDU."""
    command = stream.command[12:]
    pdvs = b""
    for at in range(len(command)):
        if chance.random() < 0.2:
            pdvs += struct.pack(">LBB", 2, 1, 1)
        last = 2 if at == len(command) - 1 else 0
        pdvs += struct.pack(">LBB", 3, 1, 1 | last) + command[at : at + 1]
    return stream.request, [pdu(Pdu.DATA, pdvs), *stream.data, stream.end]


SPOILS: Sequence[Spoil] = (
    _noise,
    _bytes_of_request,
    _truncated_request,
    _lying_request,
    _repeated_items,
    _huge_contexts,
    _flipped_data,
    _lying_data,
    _wrong_flags,
    _other_order,
    _broken_off,
    _aborted,
    _one_byte_pdvs,
)


def _flipped(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(chance.randrange(1, 8)):
        made[chance.randrange(len(made))] = chance.randrange(256)
    return bytes(made)


def _length(chance: random.Random) -> bytes:
    found = chance.choice([0, 1, 2, 5, 0x7FFFFFFF, 0xFFFFFFFF, chance.randrange(1 << 20)])
    return struct.pack(">L", found)
