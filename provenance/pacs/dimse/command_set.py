"""Command sets of DIMSE messages (PS3.7, 6.3.1): implicit VR, little endian, group 0000. Pure."""

import struct
from collections.abc import Mapping
from enum import IntEnum

from provenance.errors import MalformedError

MAX_COMMAND = 65_536
NO_DATASET = 0x0101
_HEAD = struct.Struct("<HHL")
_US = struct.Struct("<H")


class Element(IntEnum):
    """Elements of group 0000 (PS3.7, E.1)."""

    GROUP_LENGTH = 0x0000
    SOP_CLASS = 0x0002
    COMMAND = 0x0100
    MESSAGE_ID = 0x0110
    ANSWERED_ID = 0x0120
    PRIORITY = 0x0700
    DATASET_TYPE = 0x0800
    STATUS = 0x0900
    ERROR_COMMENT = 0x0902
    SOP_INSTANCE = 0x1000
    MOVE_ORIGINATOR = 0x1030
    MOVE_MESSAGE_ID = 0x1031


class Command(IntEnum):
    """The commands of the two services of the gateway."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    C_CANCEL_RQ = 0x0FFF


_NUMBERS = frozenset(
    (
        *(Element.COMMAND, Element.MESSAGE_ID, Element.ANSWERED_ID, Element.PRIORITY),
        *(Element.DATASET_TYPE, Element.STATUS, Element.MOVE_MESSAGE_ID),
    )
)


class CommandSet(dict[int, int | str]):
    """The known elements of a command: numbers, or texts without padding."""

    def number(self, element: Element) -> int:
        """Return a number; MalformedError without it."""
        value = self.get(element)
        if not isinstance(value, int):
            raise MalformedError(f"a command without (0000,{element:04X})")
        return value

    def text(self, element: Element) -> str:
        """Return a text; MalformedError without it."""
        value = self.get(element)
        if not isinstance(value, str) or not value:
            raise MalformedError(f"a command without (0000,{element:04X})")
        return value


def read_command(data: bytes) -> CommandSet:
    """Return the elements that we know; MalformedError if it is no command set."""
    if len(data) > MAX_COMMAND:
        raise MalformedError("a command set of too many bytes")
    found, at, before = CommandSet(), 0, -1
    while at < len(data):
        if len(data) - at < _HEAD.size:
            raise MalformedError("half an element")
        group, element, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if group != 0 or element <= before or length > len(data) - at:
            raise MalformedError("an element that does not belong into a command set")
        value, before = data[at : at + length], element
        at += length
        if element in _NUMBERS:
            if length != 2:
                raise MalformedError(f"(0000,{element:04X}) is not one number")
            (found[element],) = _US.unpack(value)
        elif element in (Element.SOP_CLASS, Element.SOP_INSTANCE):
            found[element] = _uid(value)
    return found


def write_command(elements: Mapping[int, int | str]) -> bytes:
    """Return the bytes of a command set, with its group length."""
    body = b""
    for element in sorted(elements):
        value = elements[element]
        encoded = _US.pack(value) if isinstance(value, int) else value.encode("ascii")
        if len(encoded) % 2:
            uid = element in (Element.SOP_CLASS, Element.SOP_INSTANCE)
            encoded += b"\0" if uid else b" "
        body += _HEAD.pack(0, element, len(encoded)) + encoded
    return _HEAD.pack(0, Element.GROUP_LENGTH, 4) + struct.pack("<L", len(body)) + body


def _uid(value: bytes) -> str:
    text = value.rstrip(b"\0 ")
    if not 1 <= len(text) <= 64 or not set(text) <= set(b"0123456789."):
        raise MalformedError("a UID that is none")
    return text.decode("ascii")
