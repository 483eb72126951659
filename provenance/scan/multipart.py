"""The one part of a multipart/related answer of WADO-RS (RFC 2046, 5.1; PS3.18, 8.6.1.2)."""

from email.message import Message

from provenance.errors import MalformedError

MAX_HEADERS = 1 << 12  # bytes before the part, and of its header fields
MAX_BOUNDARY = 70


def single_part(content_type: str, body: bytes) -> bytes:
    """Return the bytes of the only part; MalformedError for none, for several, or a broken one.

    An answer of ``application/dicom`` is the object itself.
    """
    header = Message()
    header["content-type"] = content_type
    kind = header.get_content_type()
    if kind == "application/dicom":
        return body
    if kind != "multipart/related":
        raise MalformedError(f"an answer of type {kind}")
    boundary = header.get_boundary("")
    if not 0 < len(boundary) <= MAX_BOUNDARY or not boundary.isascii():
        raise MalformedError("a multipart answer without a boundary")
    delimiter = b"\r\n--" + boundary.encode("ascii")
    start = -2 if body.startswith(delimiter[2:]) else body.find(delimiter, 0, MAX_HEADERS)
    at = start + len(delimiter)
    if start == -1 or body[at : at + 2] != b"\r\n":
        raise MalformedError("a multipart answer without a part")
    headers_end = body.find(b"\r\n\r\n", at, at + MAX_HEADERS)
    if headers_end < 0:
        raise MalformedError("a part without an end of its header fields")
    content = headers_end + 4
    end = body.find(delimiter, content)
    if end < 0:
        raise MalformedError("a part that does not end")
    after = end + len(delimiter)
    if body[after : after + 2] != b"--":
        raise MalformedError("a second part, where one object was asked for")
    return body[content:end]
