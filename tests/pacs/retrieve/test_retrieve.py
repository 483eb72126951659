"""The parts of WADO-RS that need no server: what is wanted, what is given, and how it is said."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.dicom.read import read_instance
from provenance.errors import MalformedError, UnreadableError
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance
from provenance.pacs.retrieve.asked import Asked, Form, Lacking, Part, Shown
from provenance.pacs.retrieve.rendering import DICOM_JSON, MAX_INLINE, dicom_json, frames_of, render
from provenance.pacs.retrieve.wanted import DICOM, OCTETS, Wanted
from provenance.pacs.service.problems import ProblemError
from provenance.pacs.service.wado_answer import (
    MAX_NAMED,
    Found,
    answer_of,
    body_of,
    verdict_headers,
)
from provenance.policy.terms import Action

EXPLICIT, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"
ASKED = Asked("1.2")


@pytest.mark.parametrize(
    ("accept", "kind", "syntax", "taken"),
    [
        (None, DICOM, RLE, True),
        ("*/*", DICOM, RLE, True),
        ("multipart/related", DICOM, EXPLICIT, True),
        ("multipart/related", DICOM, RLE, False),
        (f'Multipart/Related; Type="{DICOM}"; Transfer-Syntax="*"', DICOM, RLE, True),
        (f'multipart/related; type="{DICOM}"', OCTETS, EXPLICIT, False),
        ('multipart/related; type="image/*"', "image/jpeg", "1.2.840.10008.1.2.4.50", True),
        ('multipart/related; type="image/jpeg"', "image/jpeg", "1.2.840.10008.1.2.4.50", False),
        ('multipart/related; type="image/jpeg"', "image/jpeg", "1.2.840.10008.1.2.4.70", True),
        (DICOM, DICOM, EXPLICIT, False),
        ("*/*, multipart/*;q=0", DICOM, EXPLICIT, False),
        (f'*/*, multipart/related; type="{DICOM}"; q=0', DICOM, RLE, True),
        (f'*/*, multipart/related; type="{DICOM}"; q=0', DICOM, EXPLICIT, False),
    ],
)
def test_what_is_taken(accept: str | None, kind: str, syntax: str, taken: bool) -> None:
    assert Wanted.parse(accept).takes(kind, syntax) is taken


@given(st.text(max_size=60) | st.from_regex(r'[a/*;,="q01. \\]{0,40}', fullmatch=True))
def test_any_accept_is_read_or_malformed(text: str) -> None:
    try:
        wanted = Wanted.parse(text)
    except MalformedError:
        return
    assert not wanted.takes(DICOM, RLE) or wanted.may_take([DICOM])


def shown(uid: str, action: Action = Action.ACCEPT, **more: object) -> Shown:
    instance = Instance("1.2.840.10008.5.1.4.1.1.2", uid, EXPLICIT, "1.2")
    parts = (Part(Path("x"), 0, 3, DICOM, EXPLICIT),) if action is Action.ACCEPT else ()
    found = {"parts": parts, "why": "a reason", **more}
    return Shown(instance, "1.3", Word.AUTHENTIC, action, **found)  # type: ignore[arg-type]


ANY = Wanted.parse("*/*")
FINE, HELD = shown("1.2.3"), shown("1.2.4", Action.QUARANTINE)


@pytest.mark.parametrize(
    ("found", "whole", "wanted", "status"),
    [
        ([FINE], True, ANY, 200),
        ([FINE], False, ANY, 206),
        ([FINE, HELD], True, ANY, 206),
        ([HELD], True, ANY, 403),
        ([], True, ANY, 404),
        ([FINE], True, Wanted.parse("image/png"), 406),
        ([HELD, FINE], True, Wanted.parse("image/png"), 406),
        ([shown("1.2.5", parts=(), lacks=Lacking.NO_FRAME)], True, ANY, 404),
        ([shown("1.2.5", parts=(), lacks=Lacking.NO_FORM)], True, ANY, 406),
    ],
)
def test_the_status(found: list[Shown], whole: bool, wanted: Wanted, status: int) -> None:
    try:
        said, given_out = answer_of(ASKED, Found(found, whole), wanted)
    except ProblemError as error:
        said, given_out = error.problem.status, []
    assert said == status
    assert given_out == ([FINE] if status in (200, 206) else [])


def test_headers_are_bounded_and_hold_no_words_of_an_object() -> None:
    many = [shown(f"1.2.{n}", Action.REFUSE) for n in range(5000)]
    odd = [shown('1"\r\nSet-Cookie: x', Action.REFUSE), shown("9" * 99, Action.REFUSE)]
    headers = verdict_headers([*odd, *many])
    assert headers["radseal-withheld-count"] == "5002"
    assert headers["radseal-withheld"].count(";action=refuse") == MAX_NAMED
    assert len(headers["radseal-withheld"]) < 4096
    assert headers["radseal-withheld"].startswith('"";verdict="AUTHENTIC";action=refuse, "";')
    assert all(each.isprintable() for each in headers.values())


def test_metadata_is_one_array(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"{}")
    parts = [Part(tmp_path / name, 0, 2, DICOM_JSON, EXPLICIT) for name in "ab"]
    asked = Asked("1.2", form=Form.METADATA)
    kind, pieces = body_of(asked, [shown("1", parts=(part,)) for part in parts])
    body = b"".join(p.path.read_bytes() if isinstance(p, Part) else p for p in pieces)
    assert (kind, json.loads(body)) == (DICOM_JSON, [{}, {}])


def test_attributes_are_those_of_the_object(make_dicom: Callable[..., bytes]) -> None:
    made = make_dicom(
        np.zeros((8, 8), np.uint16), PatientName="Müller^Zoë", SpecificCharacterSet="ISO_IR 100"
    )
    dataset, buffer = pydicom.dcmread(BytesIO(made)), BytesIO()
    dataset.private_block(0x0011, "RADSEAL TEST", create=True).add_new(
        1, "OB", bytes(MAX_INLINE + 2)
    )
    dataset.private_block(0x0011, "RADSEAL TEST").add_new(2, "OB", b"\1\2")
    dataset.save_as(buffer)
    found = json.loads(dicom_json(read_instance(buffer.getvalue()).dataset))
    assert found["00100010"]["Value"] == [{"Alphabetic": "Müller^Zoë"}]
    assert found["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert "7FE00010" not in found
    assert "00111001" not in found
    assert found["00111002"]["InlineBinary"] == "AQI="
    back = pydicom.Dataset.from_json(json.dumps(found))
    assert back.SOPInstanceUID == dataset.SOPInstanceUID


@given(st.binary(max_size=60), st.integers(132, 900), st.integers(0, 40))
def test_any_object_that_can_be_read_has_attributes_and_frames_or_none(
    new: bytes, at: int, length: int
) -> None:
    data = pydicom.data.get_testdata_file("CT_small.dcm", read=False)
    content = Path(str(data)).read_bytes()
    try:
        read = read_instance(content[:at] + new + content[at + length :])
    except UnreadableError:
        return
    assert isinstance(json.loads(dicom_json(read.dataset)), dict)
    assert frames_of(read, (1,)) in list(Lacking) or len(frames_of(read, (1,))) == 1


def test_frames_are_those_of_the_file(make_dicom: Callable[..., bytes], tmp_path: Path) -> None:
    cells = np.arange(3 * 8 * 10, dtype=np.uint16).reshape(3, 8, 10)
    made = make_dicom(cells[0], NumberOfFrames="3")
    dataset, buffer = pydicom.dcmread(BytesIO(made)), BytesIO()
    dataset.PixelData = cells.tobytes()
    dataset.save_as(buffer)
    path = tmp_path / "x.dcm"
    path.write_bytes(buffer.getvalue())
    read = read_instance(path)
    asked = Asked("1", "2", "3", Form.FRAMES, (3, 1))
    parts = render(path, read, EXPLICIT, asked)
    assert not isinstance(parts, Lacking)
    given_out = parts[0].path.read_bytes()
    assert [given_out[p.offset : p.offset + p.size] for p in parts] == [
        cells[2].tobytes(), cells[0].tobytes(),
    ]  # fmt: skip
    assert [(p.kind, p.syntax) for p in parts] == [(OCTETS, EXPLICIT)] * 2
    assert frames_of(read, (4,)) is Lacking.NO_FRAME
    assert render(path, None, EXPLICIT, asked) is Lacking.NO_FORM


@pytest.mark.parametrize("name", ["MR_small_bigendian.dcm", "test-SR.dcm"])
def test_what_has_no_frames_that_could_be_given(name: str) -> None:
    path = Path(str(pydicom.data.get_testdata_file(name)))
    assert frames_of(read_instance(path), (1,)) is Lacking.NO_FORM


def test_bits_are_given_where_frames_begin_with_a_byte() -> None:
    dataset = pydicom.dcmread(str(pydicom.data.get_testdata_file("liver_1frame.dcm")))

    def frames(side: int) -> object:
        dataset.Rows = dataset.Columns = side
        buffer = BytesIO()
        dataset.save_as(buffer)
        return frames_of(read_instance(buffer.getvalue()), (1,))

    assert frames(512) == [(dataset.PixelData, OCTETS, EXPLICIT)]
    assert frames(511) is Lacking.NO_FORM
