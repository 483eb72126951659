"""Look for the mark in what an object or a picture shows."""

from collections.abc import Sequence
from itertools import islice

import watermark
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance
from provenance.evidence import MarkReading
from provenance.marking import Samples, cannot_carry, read_plane

SEARCH_SECONDS = 5.0


def search_mark(
    plane: Samples, key: bytes | None, *, expected: Sequence[bytes] = ()
) -> MarkReading:
    """Look for the mark of a key in a plane, however it was turned, cut or scaled.

    The ids that are expected are asked for first, as the plane lies: for one of few ids a third
    of the evidence will do (docs/spec/mark.md, section 5). Any other id is looked for then.

    Parameters
    ----------
    plane : integer, shape (rows, columns)
        Grey levels.
    key : bytes or None
        The mark key; without one nothing is sought.
    expected : sequence of bytes
        Seal ids that something else than the plane speaks for.
    """
    if key is None:
        return MarkReading(not_sought="no mark key was given")
    reading = watermark.recognise(plane, key=key, payloads=expected, seconds=0)
    reading = reading or watermark.search(plane, key=key, seconds=SEARCH_SECONDS)
    if reading is None:
        return MarkReading()
    return MarkReading(reading.payload, reading.false_alarm_log10, reading=reading)


def recognise_mark(plane: Samples, key: bytes, seal_ids: Sequence[bytes]) -> MarkReading:
    """Look for one of some known ids, however the plane was turned, cut or scaled."""
    reading = watermark.recognise(plane, key=key, payloads=seal_ids, seconds=SEARCH_SECONDS)
    if reading is None:
        return MarkReading()
    return MarkReading(reading.payload, reading.false_alarm_log10, reading=reading)


def read_mark(
    instance: Instance, key: bytes | None, *, expected: Sequence[bytes] = ()
) -> MarkReading:
    """Look for the mark in an object's pixels; UnreadableError when they do not decode."""
    if key is None:
        return MarkReading(not_sought="no mark key was given")
    geometry = pixel_geometry(instance)
    impossible = cannot_carry(geometry)
    if geometry is None or impossible is not None:
        return MarkReading(not_sought=impossible.reason if impossible else "no pixels")
    return search_mark(plane_of(instance), key, expected=expected)


def plane_of(instance: Instance) -> Samples:
    """Return the grey plane of an object's first frame, as a mark is sought in it."""
    geometry = pixel_geometry(instance)
    assert geometry is not None
    frame = next(islice(frames(instance, geometry), 1))
    return read_plane(frame, geometry.colour)
