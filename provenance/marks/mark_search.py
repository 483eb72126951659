"""Look for the mark in what an object or a picture shows."""

import math
from collections.abc import Callable, Sequence
from itertools import islice

import watermark
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance
from provenance.judging.evidence import MarkReading
from provenance.marks.marking import Samples, cannot_carry, read_plane

SEARCH_SECONDS = 5.0
LEAST_SECONDS = 2.0  # with any one key: blind resynchronisation of a large picture takes as long

Look = Callable[[bytes], watermark.Reading | None]


def search_mark(
    plane: Samples, keys: Sequence[bytes], *, expected: Sequence[bytes] = ()
) -> MarkReading:
    """Look for a mark of some keys in a plane, however it was turned, cut or scaled.

    The ids that are expected are asked for first, as the plane lies: for one of few ids a third
    of the evidence will do (docs/spec/mark.md, section 5). Any other id is looked for then: as
    the plane lies with every key, and only then with a search, for which the keys share the time.

    Parameters
    ----------
    plane : integer, shape (rows, columns)
        Grey levels.
    keys : sequence of bytes
        The mark keys, the likeliest first; without any nothing is sought.
    expected : sequence of bytes
        Seal ids that something else than the plane speaks for.
    """
    if not keys:
        return MarkReading(not_sought="no mark key was given")
    looks: tuple[Look, ...] = (
        lambda key: watermark.recognise(plane, key=key, payloads=expected, seconds=0),
        lambda key: watermark.detect_frame(plane, key=key),
        lambda key: watermark.detect(plane, key=key),
        lambda key: watermark.search(plane, key=key, seconds=_share(keys)),
    )
    return _first(looks if len(keys) > 1 else (*looks[:2], looks[3]), keys)


def recognise_mark(plane: Samples, keys: Sequence[bytes], seal_ids: Sequence[bytes]) -> MarkReading:
    """Look for one of some known ids, however the plane was turned, cut or scaled."""

    def look(key: bytes) -> watermark.Reading | None:
        return watermark.recognise(plane, key=key, payloads=seal_ids, seconds=_share(keys))

    return _first((look,), keys)


def read_mark(
    instance: Instance, keys: Sequence[bytes], *, expected: Sequence[bytes] = ()
) -> MarkReading:
    """Look for the mark in an object's pixels; UnreadableError when they do not decode."""
    if not keys:
        return MarkReading(not_sought="no mark key was given")
    geometry = pixel_geometry(instance)
    impossible = cannot_carry(geometry)
    if geometry is None or impossible is not None:
        return MarkReading(not_sought=impossible.reason if impossible else "no pixels")
    if geometry.frames > 1:

        def look(key: bytes) -> watermark.Reading | None:
            planes = (read_plane(frame, geometry.colour) for frame in frames(instance, geometry))
            found = watermark.detect_volume(planes, key=key)
            return None if found is None else found.reading

        together = _first((look,), keys)
        if together.reading is not None:
            return together
    return search_mark(plane_of(instance), keys, expected=expected)


def _share(keys: Sequence[bytes]) -> float:
    return max(SEARCH_SECONDS / len(keys), LEAST_SECONDS)


def _first(looks: Sequence[Look], keys: Sequence[bytes]) -> MarkReading:
    """Look in each way with each key; chance has as many tries as there are keys."""
    for look in looks:
        for key in keys:
            reading = look(key)
            if reading is not None:
                chance = reading.false_alarm_log10 + math.log10(len(keys))
                return MarkReading(reading.payload, chance, reading=reading, key=key)
    return MarkReading()


def plane_of(instance: Instance) -> Samples:
    """Return the grey plane of an object's first frame, as a mark is sought in it."""
    geometry = pixel_geometry(instance)
    assert geometry is not None
    frame = next(islice(frames(instance, geometry), 1))
    return read_plane(frame, geometry.colour)
