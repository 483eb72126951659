"""Changes any toolkit could make: attributes set, added, removed, items moved, pixels edited."""

import copy
import io
import warnings
from collections.abc import Callable
from random import Random

import numpy as np
import pydicom
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from benchmarks.mutations.oracle import CARRIER_GROUP, ENCODING

PIXEL_DATA, PREFERRED = 0x7FE00010, (0x00200062, 0x00181164, 0x00281053, 0x00082112, 0x00282110)
_SEQUENCE_TAGS = sorted(tag for tag, row in DicomDictionary.items() if row[0] == "SQ")
_ALL_TAGS = sorted(
    tag
    for tag, row in DicomDictionary.items()
    if len(row[0]) == 2 and row[0] != "SQ" and 0x0002FFFF < tag < 0x7FE00000
)


class NotPossibleError(Exception):
    """This object has nothing of what was to be changed."""


def change_header(chance: Random, data: bytes) -> tuple[str, str, bytes]:
    """Return part, kind, and the file after one change of its header."""
    name, act = chance.choice(_HEADER_ACTS)
    return "attributes", name, _saved(data, lambda dataset: act(chance, dataset))


def change_pixels(chance: Random, data: bytes) -> tuple[str, str, bytes]:
    """Return part, kind, and the file after one change of its pixels or of their encoding."""
    name, act = chance.choice(_PIXEL_ACTS)
    return "samples", name, _saved(data, lambda dataset: act(chance, dataset))


def _saved(data: bytes, change: Callable[[Dataset], object]) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(data))
        change(dataset)
        buffer = io.BytesIO()
        dataset.save_as(buffer, enforce_file_format=False)
        return buffer.getvalue()


def _tags(dataset: Dataset) -> list[int]:
    """Return standard attributes that are signed, as far as one can tell."""
    return [
        int(tag)
        for tag in dataset.keys()  # noqa: SIM118 - iterating a dataset decodes its elements
        if not int(tag) >> 16 & 1 and int(tag) not in ENCODING
    ]


def _pick(chance: Random, dataset: Dataset, wanted: Callable[[DataElement], bool]) -> DataElement:
    found = [dataset[tag] for tag in _tags(dataset)]
    found = [element for element in found if wanted(element)]
    if not found:
        raise NotPossibleError
    return chance.choice(found)


def _value_of(chance: Random, representation: str) -> object:
    """Return a legal value of a representation."""
    match representation:
        case "PN":
            return chance.choice(["Doe^Jane", "Roe^Richard^^Dr", "Müller^Jörg^X", "A"])
        case "UI":
            return f"1.2.826.0.1.{chance.randrange(1, 10**6)}"
        case "DA":
            return f"20{chance.randrange(10, 30)}{chance.randrange(1, 13):02}15"
        case "TM":
            return f"{chance.randrange(24):02}{chance.randrange(60):02}00"
        case "DT":
            return f"20{chance.randrange(10, 30)}0101120000"
        case "AS":
            return f"{chance.randrange(1, 120):03}Y"
        case "DS":
            return chance.choice(["0.1", "1", "-3.5", "2e1", "0"])
        case "IS":
            return str(chance.randrange(-5, 100))
        case "CS":
            return chance.choice(["L", "R", "YES", "DERIVED", "INVERSE", "AXIAL"])
        case "AT":
            return chance.choice([0x00181063, 0x00181065])
        case "US" | "UL" | "UV":
            return chance.randrange(0, 60000)
        case "SS" | "SL" | "SV":
            return chance.randrange(-30000, 30000)
        case "FL" | "FD":
            return chance.choice([0.0, -1.5, 2.25, 1e10])
        case "OB" | "UN":
            return chance.randbytes(8)
        case "OW" | "OF" | "OL" | "OD" | "OV":
            return chance.randbytes(16)
        case _:
            return chance.choice(
                ["left", "RIGHT", "note 1", "x\\y" if representation == "LO" else "z"]
            )


def _set(chance: Random, dataset: Dataset) -> None:
    element = _pick(chance, dataset, lambda e: e.VR != "SQ")
    element.value = _value_of(chance, element.VR)


def _nudge(chance: Random, dataset: Dataset) -> None:
    """The least change of a number or a text."""
    element = _pick(chance, dataset, lambda e: e.VR in ("DS", "IS", "LO", "SH", "CS", "PN"))
    value = str(element.value[0] if element.VM > 1 else element.value)
    if element.VR in ("DS", "IS"):
        element.value = str(int(float(value or 0)) + 1)
    else:
        element.value = value[:-1] if len(value) > 1 else value + "X"


def _remove(chance: Random, dataset: Dataset) -> None:
    del dataset[_pick(chance, dataset, lambda e: True).tag]


def _empty(chance: Random, dataset: Dataset) -> None:
    element = _pick(chance, dataset, lambda e: True)
    element.value = Sequence() if element.VR == "SQ" else None


def _add(chance: Random, dataset: Dataset) -> None:
    tags = PREFERRED if chance.random() < 0.3 else _ALL_TAGS
    tag = chance.choice([t for t in tags if t not in dataset and t not in ENCODING])
    representation = DicomDictionary[tag][0]
    if representation == "SQ":
        dataset.add_new(tag, "SQ", Sequence([_item(chance)]))
    else:
        dataset.add_new(tag, representation, _value_of(chance, representation))


def _add_sequence(chance: Random, dataset: Dataset) -> None:
    tag = chance.choice([t for t in _SEQUENCE_TAGS if t not in dataset and t not in ENCODING])
    dataset.add_new(tag, "SQ", Sequence([_item(chance)] * chance.choice((0, 1, 2))))


def _item(chance: Random) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = f"{chance.randrange(10**6)}", "SCT"
    item.CodeMeaning = "something"
    return item


def _items(chance: Random, dataset: Dataset, change: Callable[[list[Dataset]], object]) -> None:
    element = _pick(chance, dataset, lambda e: e.VR == "SQ" and len(e.value) > 0)
    items = list(element.value)
    change(items)
    element.value = Sequence(items)


def _item_removed(chance: Random, dataset: Dataset) -> None:
    _items(chance, dataset, lambda items: items.pop(chance.randrange(len(items))))


def _item_added(chance: Random, dataset: Dataset) -> None:
    _items(chance, dataset, lambda items: items.append(_item(chance)))


def _item_repeated(chance: Random, dataset: Dataset) -> None:
    _items(chance, dataset, lambda items: items.append(copy.deepcopy(items[0])))


def _items_turned(chance: Random, dataset: Dataset) -> None:
    _items(chance, dataset, lambda items: items.reverse())


def _nested_set(chance: Random, dataset: Dataset) -> None:
    element = _pick(chance, dataset, lambda e: e.VR == "SQ" and len(e.value) > 0)
    item = chance.choice(list(element.value))
    inner = [e for e in item if e.VR != "SQ"]
    if not inner:
        raise NotPossibleError
    changed = chance.choice(inner)
    changed.value = _value_of(chance, changed.VR)


def _nested_removed(chance: Random, dataset: Dataset) -> None:
    element = _pick(chance, dataset, lambda e: e.VR == "SQ" and len(e.value) > 0)
    item = chance.choice(list(element.value))
    if not len(item):
        raise NotPossibleError
    del item[chance.choice(list(item.keys()))]


def _exchanged(chance: Random, dataset: Dataset) -> None:
    """Two attributes of one representation exchange their values."""
    first = _pick(chance, dataset, lambda e: e.VR != "SQ")
    second = _pick(chance, dataset, lambda e: first.VR == e.VR and e.tag != first.tag)
    first.value, second.value = second.value, first.value


def _spelt_otherwise(chance: Random, dataset: Dataset) -> None:
    """The same value in other characters."""
    element = _pick(chance, dataset, lambda e: e.VR in ("DS", "IS", "CS", "LO", "PN", "SH"))
    value = element.value[0] if element.VM > 1 else element.value
    text = str(value)
    match element.VR:
        case "DS":
            new = chance.choice(
                [f"{text}0" if "." in text else f"{text}.0", f"+{text}", f" {text}"]
            )
        case "IS":
            new = chance.choice([f"0{text}", f"+{text}", f" {text}"])
        case "PN":
            new = chance.choice([f"{text}^^", f"{text}=", f"{text} "])
        case _:
            new = chance.choice([f" {text}", f"{text}  "])
    others = list(element.value)[1:] if element.VM > 1 else []
    dataset[element.tag] = DataElement(element.tag, "LO", [new, *others] if others else new)
    dataset[element.tag].VR = element.VR if element.VR not in ("DS", "IS") else "SH"


def _charset(chance: Random, dataset: Dataset) -> None:
    """Another character set is declared, no byte of a text changes."""
    raw: dict[BaseTag, DataElement | RawDataElement] = {
        tag: dataset.get_item(tag)
        for tag in dataset.keys()  # noqa: SIM118 - as above
    }
    new = chance.choice(["ISO_IR 192", "ISO_IR 101", "ISO_IR 144", "", "GB18030"])
    declared = raw[BaseTag(0x00080005)]
    if not isinstance(declared, RawDataElement):
        raise NotPossibleError
    padded = new.encode() + b" " * (len(new) % 2)
    raw[declared.tag] = declared._replace(value=padded)
    dataset._dict = raw


def _charset_converted(chance: Random, dataset: Dataset) -> None:
    """All text is written in another character set that holds it."""
    dataset.decode()
    dataset.SpecificCharacterSet = chance.choice(["ISO_IR 192", "GB18030"])


def _private(chance: Random, dataset: Dataset) -> None:
    if 0x00110010 not in dataset:
        raise NotPossibleError
    match chance.randrange(3):
        case 0:
            dataset[0x0011, 0x1001].value = "another note"
        case 1:
            del dataset[0x0011, 0x1002]
        case _:
            block = dataset.private_block(0x0021, "OTHER 2", create=True)
            block.add_new(0x10, "LO", "added")


def _retagged(chance: Random, dataset: Dataset) -> None:
    """A value moves to another tag."""
    element = _pick(chance, dataset, lambda e: e.VR not in ("SQ",))
    tag = chance.choice([t for t in _ALL_TAGS if t not in dataset and t not in ENCODING])
    del dataset[element.tag]
    dataset[tag] = DataElement(tag, element.VR, element.value)


_HEADER_ACTS: tuple[tuple[str, Callable[[Random, Dataset], None]], ...] = (
    ("another legal value", _set),
    ("value changed least", _nudge),
    ("attribute removed", _remove),
    ("value removed", _empty),
    ("attribute added", _add),
    ("sequence added", _add_sequence),
    ("item removed", _item_removed),
    ("item added", _item_added),
    ("item repeated", _item_repeated),
    ("items in reverse", _items_turned),
    ("value in an item", _nested_set),
    ("attribute of an item removed", _nested_removed),
    ("values exchanged", _exchanged),
    ("spelt otherwise", _spelt_otherwise),
    ("character set relabelled", _charset),
    ("character set converted", _charset_converted),
    ("private attribute", _private),
    ("value under another tag", _retagged),
)


def _native(dataset: Dataset) -> np.ndarray:
    if PIXEL_DATA not in dataset or dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        raise NotPossibleError
    return np.frombuffer(dataset.PixelData, f"u{dataset.BitsAllocated // 8}").copy()


def _put(dataset: Dataset, samples: np.ndarray) -> None:
    dataset["PixelData"].value = samples.tobytes()


def _sample(chance: Random, dataset: Dataset) -> None:
    samples = _native(dataset)
    samples[chance.randrange(samples.size)] ^= 1
    _put(dataset, samples)


def _unused_bit(chance: Random, dataset: Dataset) -> None:
    """A bit above Bits Stored, which is not part of the sample."""
    samples = _native(dataset)
    if dataset.BitsStored == dataset.BitsAllocated:
        raise NotPossibleError
    samples[chance.randrange(samples.size)] |= 1 << dataset.BitsAllocated - 1
    _put(dataset, samples)


def _patch(chance: Random, dataset: Dataset) -> None:
    samples = _native(dataset)
    at, size = chance.randrange(samples.size - 40), 32
    source = chance.randrange(samples.size - 40)
    samples[at : at + size] = samples[source : source + size]
    _put(dataset, samples)


def _turned(chance: Random, dataset: Dataset) -> None:
    _put(dataset, _native(dataset)[::-1].copy())


def _frames(chance: Random, dataset: Dataset) -> None:
    """The fragments of compressed frames in another order, or one of them gone or twice."""
    if PIXEL_DATA not in dataset or not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        raise NotPossibleError
    frames = list(
        pydicom.encaps.generate_frames(
            dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1))
        )
    )
    match chance.randrange(4):
        case 0:
            frames.reverse()
        case 1:
            frames.pop(chance.randrange(len(frames)))
        case 2:
            frames.append(frames[0])
        case _:
            frames[0] = frames[-1]
    dataset["PixelData"].value = pydicom.encaps.encapsulate(frames, has_bot=chance.random() < 0.5)


def _described(chance: Random, dataset: Dataset) -> None:
    """An attribute that says how pixels are written."""
    choices: list[tuple[str, list[int] | list[str]]] = [
        ("BitsAllocated", [1, 8, 16, 32]),
        ("BitsStored", [1, 7, 8, 11, 12, 13, 16]),
        ("HighBit", [0, 7, 11, 12, 15]),
        ("PixelRepresentation", [0, 1]),
        ("SamplesPerPixel", [1, 3, 4]),
        ("PlanarConfiguration", [0, 1]),
        ("Rows", [1, 36, 71, 72, 73, 144, 200]),
        ("Columns", [1, 48, 95, 96, 97, 192]),
        ("NumberOfFrames", ["1", "2", "3", "4"]),
        ("PhotometricInterpretation", ["MONOCHROME1", "RGB", "YBR_FULL", "PALETTE COLOR"]),
    ]
    keyword, values = chance.choice(choices)
    setattr(dataset, keyword, chance.choice(values))


def _recoded(chance: Random, dataset: Dataset) -> None:
    """Written in another transfer syntax by pydicom, without loss."""
    if PIXEL_DATA in dataset and dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        dataset.decompress(generate_instance_uid=False)
        return
    syntaxes = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
    if PIXEL_DATA in dataset and chance.random() < 0.3:
        if dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian:
            raise NotPossibleError
        dataset.compress(RLELossless, generate_instance_uid=False)
        return
    if dataset.file_meta.TransferSyntaxUID == ExplicitVRBigEndian:
        raise NotPossibleError  # pydicom leaves the byte order of OW to its caller
    dataset.decode()
    dataset.file_meta.TransferSyntaxUID = chance.choice(syntaxes)


def _syntax_relabelled(chance: Random, dataset: Dataset) -> None:
    """The file says another transfer syntax than it is written in: only the label changes."""
    was = dataset.file_meta.TransferSyntaxUID
    labels = ["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5", "1.2.3"]
    if was.is_encapsulated:
        label = chance.choice([one for one in labels if one != was])
        dataset.file_meta.TransferSyntaxUID = UID(label)
    else:
        raise NotPossibleError


def _carrier_block(chance: Random, dataset: Dataset) -> None:
    """The carrier's block renumbered, or its creator's name changed."""
    tags = [t for t in dataset.keys() if int(t) >> 16 == CARRIER_GROUP]  # noqa: SIM118 - as above
    if chance.random() < 0.5:
        moved = [(t, dataset[t]) for t in tags]
        for tag, element in moved:
            del dataset[tag]
            number = int(tag) & 0xFFFF
            new = 0x0042 if number < 0x100 else 0x4200 | number & 0xFF
            dataset.add_new(CARRIER_GROUP << 16 | new, element.VR, element.value)
    else:
        (creator,) = [t for t in tags if int(t) & 0xFFFF < 0x100]
        dataset[creator].value = chance.choice(["RADSEAL 2", "radseal 1", "RADSEAL 1 ", "OTHER"])


_PIXEL_ACTS: tuple[tuple[str, Callable[[Random, Dataset], None]], ...] = (
    ("lowest bit of a sample", _sample),
    ("bit above Bits Stored", _unused_bit),
    ("patch copied", _patch),
    ("turned by half", _turned),
    ("frames moved", _frames),
    ("pixel description", _described),
    ("pixel description", _described),
    ("transfer syntax, losslessly", _recoded),
    ("transfer syntax relabelled", _syntax_relabelled),
    ("block of the carrier", _carrier_block),
)
