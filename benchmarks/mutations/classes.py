"""Why a mutant is still authentic: what of it differs, and of which unsigned kind that is."""

import io
import warnings
from collections.abc import Iterator
from typing import Any

import cbor2
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from benchmarks.mutations.oracle import (
    ENCODING,
    INFORMATIONAL,
    MAY_BE_ADDED,
    carried,
    carrier_block,
    is_behind_padding,
    named_sets,
)

UNEXPLAINED = "unexplained"
PREAMBLE = "preamble"
FILE_META = "file meta information"
STRUCTURE = "order of elements, form of lengths and items"
TRAILING = "bytes after the last element"
GROUP_LENGTH = "group lengths"
PRIVATE = "private attributes of other makers"
PIXEL_ENCODING = "encoding of the pixels, the decoded samples are the same"
CHARSET = "character set, the decoded text is the same"
SIGNATURE = "PS3.15 signature beside the seal"
PADDING = "data set trailing padding"
DESCRIBED = "informational attributes (derivation description, icon, notes of codecs)"
RECEIPT = "receipt: lines that prove nothing more, or the ledger proves the entry"
RESTORE = "restore data, which `restore` checks"
ANNEX = "annex: certificates beyond the signer's"
FRAME = "framing and place of the carrier"
DECLARED = "declared VR, or the bytes of a value spelled otherwise"
EMPTY = "absent or without a value"
_PIXELS = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003, 0x7FE00008, 0x7FE00009, 0x7FE00010})


def classes_of(was: bytes, now: bytes) -> tuple[str, ...]:
    """Name every kind of difference between two files that mean the same."""
    old, new = _read(was), _read(now)
    found = set()
    if was[:128] != now[:128]:
        found.add(PREAMBLE)
    if _raw(old.file_meta) != _raw(new.file_meta):
        found.add(FILE_META)
    before, after = _raw(old), _raw(new)
    for tag in {*before, *after}:
        if before.get(tag) != after.get(tag):
            found.add(_class_of(tag, old, new))
    if not found:
        longer = now.startswith(was) or was.startswith(now)
        found.add(TRAILING if longer else STRUCTURE)
    return tuple(sorted(found))


def _class_of(tag: int, old: Dataset, new: Dataset) -> str:
    for creator in (carrier_block(old), carrier_block(new)):
        if creator is not None and tag == creator:
            return FRAME
        if creator is not None and tag & ~0xFF == creator & 0xFFFF0000 | (creator & 0xFF) << 8:
            return _class_of_part(tag & 0xFF, old, new)
    if not tag & 0xFFFF:
        return GROUP_LENGTH
    if tag >> 16 & 1:
        return PRIVATE
    if tag == 0x00080005:
        return CHARSET
    if tag in (0x4FFE0001, 0xFFFAFFFA):
        return SIGNATURE
    if tag == 0xFFFCFFFC:
        return PADDING
    if tag in new and is_behind_padding(new, tag):
        return TRAILING
    if tag in INFORMATIONAL | MAY_BE_ADDED:
        return DESCRIBED
    if tag in _PIXELS or tag in ENCODING:
        return PIXEL_ENCODING
    return DECLARED if tag in old and tag in new else EMPTY


def _class_of_part(number: int, old: Dataset, new: Dataset) -> str:
    was, now = carried(old, number), carried(new, number)
    if was == now:
        return FRAME
    if number == 2 and was is not None and now is not None:
        before, after = cbor2.loads(was), cbor2.loads(now)
        signer = before.pop(5)[0], after.pop(5)[0]
        return ANNEX if before == after and len(set(signer)) == 1 else UNEXPLAINED
    return {3: RECEIPT, 4: RESTORE}.get(number, UNEXPLAINED)


def _read(data: bytes) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(io.BytesIO(named_sets(data)), force=True)


def _raw(dataset: Dataset) -> dict[int, tuple[str | None, object]]:
    return dict(_elements(dataset))


def _elements(dataset: Dataset) -> Iterator[tuple[int, tuple[str | None, object]]]:
    for tag in dataset.keys():  # noqa: SIM118 - iterating a dataset decodes its elements
        element: Any = dataset.get_item(tag)
        if isinstance(element, RawDataElement):
            yield int(tag), (element.VR, element.value)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield int(tag), (element.VR, str(element))
