"""Bodies of several parts: what was put together comes apart, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.errors import MalformedError
from provenance.servers.media_types import accepts, parse_media_type
from provenance.servers.multipart import MAX_HEADER, Multipart, PartBegins, PartData, PartEnds

HEADER = b"Content-Type: application/dicom\r\n"
Parts = list[tuple[dict[str, str], bytes]]


def read(body: bytes, *, boundary: str = "B", size: int = 1 << 16, most: int = 9) -> Parts:
    """Return header and bytes of each part, as a reader gets them."""
    reader, parts, is_open = Multipart(boundary, max_parts=most), [], False
    for at in range(0, len(body), size):
        for event in reader.feed(body[at : at + size]):
            match event:
                case PartBegins(header):
                    assert not is_open
                    parts.append((dict(header), b""))
                    is_open = True
                case PartData(data):
                    assert is_open
                    assert data
                    parts[-1] = (parts[-1][0], parts[-1][1] + data)
                case PartEnds():
                    assert is_open
                    is_open = False
    reader.finish()
    assert not is_open
    return parts


def body_of(*contents: bytes, boundary: bytes = b"B") -> bytes:
    made = b"".join(b"--" + boundary + b"\r\n" + HEADER + b"\r\n" + c + b"\r\n" for c in contents)
    return made + b"--" + boundary + b"--\r\n"


# bytes that are near to a boundary
near = st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--", b"B", b"\r\n--", b"x"])).map(b"".join)


@given(st.lists(near | st.binary(max_size=200), min_size=1, max_size=5), st.integers(1, 40))
def test_what_was_put_together_comes_apart(contents: list[bytes], size: int) -> None:
    boundary = b"q_7+Z"
    parts = read(body_of(*contents, boundary=boundary), boundary="q_7+Z", size=size)
    assert [content for _, content in parts] == contents
    assert all(header == {"content-type": "application/dicom"} for header, _ in parts)


@given(near | st.binary(max_size=300), st.integers(1, 9))
def test_pieces_do_not_matter(body: bytes, size: int) -> None:
    def outcome(size: int) -> Parts | None:
        try:
            return read(b"--B\r\n" + HEADER + body, size=size)
        except MalformedError:
            return None

    assert outcome(size) == outcome(1 << 16)


@given(st.binary(max_size=400), st.integers(0, 400), st.integers(1, 50))
def test_a_body_that_was_changed_is_read_or_refused(new: bytes, at: int, size: int) -> None:
    body = body_of(b"abc", b"\r\n-", b"")
    changed = body[:at] + new + body[at + len(new) :]
    try:
        parts = read(changed, size=size)
    except MalformedError:
        return
    assert 1 <= len(parts) <= 9


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--B--\r\n",
        b"--B\r\n" + HEADER + b"\r\nabc",  # no last boundary
        b"--B\r\n" + HEADER + b"\r\nabc\r\n--B",
        b"--B\r\n" + HEADER + b"\r\nabc\r\n--B-",
        b"--B\r\n\r\nabc\r\n--B--",  # no header
        b"--B\r\n" + HEADER * 2 + b"\r\nabc\r\n--B--",  # a field twice
        b"--B\r\nContent-Type : a/b\r\n\r\nabc\r\n--B--",
        b"--B\r\nA: b\r\n c\r\n\r\nabc\r\n--B--",  # a folded line
        b"--B\r\nA: \xff\r\n\r\nabc\r\n--B--",
        b"--B\r\nA: " + b"x" * MAX_HEADER + b"\r\n\r\nabc\r\n--B--",
        b"--B\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(17)) + b"\r\nabc\r\n--B--",
        b"--B\r\n" + HEADER + b"\r\nabc\r\n--Bx\r\n--B--",  # a boundary that goes on
        b"--B\r\n" + HEADER + b"\r\nabc\r\n--B--x",
        b"--B\n" + HEADER + b"\r\nabc\r\n--B--",
        b"x" * 2000 + b"\r\n" + body_of(b"abc"),
        body_of(b"abc") + b"x" * 2000,
        body_of(*[b"x"] * 10),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_other_forms_are_refused(body: bytes, size: int) -> None:
    with pytest.raises(MalformedError):
        read(body, size=size)


@pytest.mark.parametrize(
    ("body", "contents"),
    [
        (b"\r\n" + body_of(b"abc"), [b"abc"]),
        (b"a preamble\r\n" + body_of(b"abc") + b"an epilogue", [b"abc"]),
        (b"--B \t\r\n" + HEADER + b"\r\nabc\r\n--B-- ", [b"abc"]),
        (b"--B\r\n" + HEADER + b"\r\n--B--", [b""]),  # a part without bytes
        (b"--B\r\n" + HEADER + b"\r\n\r\n--B--", [b""]),
        (b"--B\r\n" + HEADER + b"\r\nx--B\r\n--B--", [b"x--B"]),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_forms_that_rfc_2046_knows(body: bytes, contents: list[bytes], size: int) -> None:
    assert [content for _, content in read(body, size=size)] == contents


@pytest.mark.parametrize("boundary", ["", "a" * 71, "a ", "ü", "a\r\nb", "a;b", 'a"b'])
def test_boundaries_that_are_none(boundary: str) -> None:
    with pytest.raises(MalformedError):
        Multipart(boundary, max_parts=1)


def test_little_is_held() -> None:
    reader = Multipart("B", max_parts=1)
    list(reader.feed(b"--B\r\n" + HEADER + b"\r\n"))
    for _ in range(50):
        assert sum(len(e.data) for e in reader.feed(b"\r" * 65_536) if isinstance(e, PartData)) > 0
        assert len(reader._held) < 10


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("application/dicom", "application/dicom", {}),
        (
            'Multipart/Related; type="application/dicom"; Boundary="a b"',
            "multipart/related",
            {"type": "application/dicom", "boundary": "a b"},
        ),
        ("a/b;type=application/dicom", "a/b", {"type": "application/dicom"}),
        (r'a/b; c="x\"y"', "a/b", {"c": 'x"y'}),
    ],
)
def test_media_types(text: str, name: str, parameters: dict[str, str]) -> None:
    found = parse_media_type(text)
    assert (found.name, dict(found.parameters)) == (name, parameters)


@pytest.mark.parametrize(
    "text", ["", "a", "a/", "a/b;", "a/b; c", "a/b; c=1; C=2", "a/b, c/d", 'a/b; c="x', "a/b" * 999]
)
def test_no_media_types(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_media_type(text)


@given(st.text(max_size=60) | st.from_regex(r'[a/*;,="q01. \\]{0,40}', fullmatch=True))
def test_any_text_is_a_media_type_or_malformed(text: str) -> None:
    for parse in (parse_media_type, lambda t: accepts(t, ["a/a"])):
        try:
            parse(text)
        except MalformedError:
            continue


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        (None, True), ("", True), ("*/*", True), ("application/*", True),
        ("application/dicom+json", True), ("text/html, application/dicom+json;q=0.5", True),
        ("application/dicom+xml", False), ("application/dicom+json;q=0, */*", False),
        ('multipart/related; type="application/dicom+xml"', False), ("text/*", False),
    ],
)  # fmt: skip
def test_what_an_answer_may_be(accept: str | None, taken: bool) -> None:
    assert accepts(accept, ["application/dicom+json"]) is taken
