"""Write the header tree's vectors: python tests/vectors/header-tree/generate.py

The datasets are built with pydicom, roots and changes with radseal; what checks them is the
second implementation in tests/provenance/trees/test_header_tree_vectors.py.
"""

import copy
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cbor2
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.sequence import Sequence

from provenance.dicom.attributes import canonical_attributes
from provenance.header_tree import changed_attributes, hash_header

HERE = Path(__file__).parent
SEED = bytes(range(32))
SYNTAXES = {
    "implicit little endian": (True, True),
    "explicit little endian": (False, True),
    "explicit big endian": (False, False),
}


def encode(dataset: Dataset, syntax: str) -> bytes:
    """Return the bare dataset in one of the three native encodings."""
    fp = DicomBytesIO()
    fp.is_implicit_VR, fp.is_little_endian = SYNTAXES[syntax]
    write_dataset(fp, copy.deepcopy(dataset))
    return fp.getvalue()


def code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def radiograph() -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    dataset.SOPInstanceUID = "2.25.1000000001"
    dataset.StudyDate = "20240131"
    dataset.AccessionNumber = ""
    dataset.Modality = "DX"
    dataset.PatientName = "Müller^Jörg^^"
    dataset.PatientID = "P-0001 "
    dataset.KVP = "70.0"
    dataset.ImagerPixelSpacing = ["0.143", "0.1430"]
    dataset.AnatomicRegionSequence = [code("T-D3000", "SRT", "Chest")]
    dataset.ImageLaterality = "L"
    dataset.Rows, dataset.Columns, dataset.PixelRepresentation = 64, 64, 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.add_new(0x00280120, "US", 63536)
    dataset.WindowCenter, dataset.WindowWidth = "2048", "4096"
    return dataset


def all_kinds() -> Dataset:
    dataset = radiograph()
    dataset.FrameIncrementPointer = 0x00181063
    dataset.add_new(0x00189306, "FD", 0.1)
    dataset.add_new(0x00089459, "FL", float("nan"))
    dataset.add_new(0x00186020, "SL", -5)
    dataset.add_new(0x00189219, "SS", -6)
    dataset.add_new(0x00081161, "UL", [1, 4294967295])
    dataset.add_new(0x00282000, "OB", b"profile")
    dataset.PatientComments = " two\\words "
    dataset.InstanceNumber = "+007"
    dataset.RetrieveAETitle = " PACS "
    dataset.add_new(0x60000010, "US", 64)
    dataset.RequestAttributesSequence = Sequence([Dataset(), code("1", "99X", "Größe")])
    block = dataset.private_block(0x0019, "ACME 1.0", create=True)
    block.add_new(0x01, "LO", "hidden")
    inner = dataset.RequestAttributesSequence[1].private_block(0x0021, "ACME 1.0", create=True)
    inner.add_new(0x02, "DS", "1.5")
    return dataset


def japanese(terms: list[str]) -> Dataset:
    dataset = radiograph()
    dataset.SpecificCharacterSet = terms
    dataset.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    return dataset


def greek(term: str) -> Dataset:
    dataset = radiograph()
    dataset.SpecificCharacterSet = term
    dataset.PatientName = "Διονυσιος"
    return dataset


def to_json(value: object) -> object:
    if isinstance(value, tuple):
        return [to_json(part) for part in value]
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def case(name: str, description: str, dataset: Dataset, syntax: str) -> None:
    encoded = encode(dataset, syntax)
    attributes = canonical_attributes(read(encoded, syntax))
    write(
        name,
        {
            "description": description,
            "syntax": syntax,
            "dataset": encoded.hex(),
            "seed": SEED.hex(),
            "values": [
                [f"{a.tag:08X}", a.group.value, to_json(a.value)]
                for a in attributes
                if a.value is not None
            ],
            "root": hash_header(attributes, SEED).root.hex(),
        },
    )


def read(encoded: bytes, syntax: str) -> Dataset:
    return read_dataset(BytesIO(encoded), *SYNTAXES[syntax])


def edit_case(name: str, description: str, edit: Callable[[Dataset], None]) -> None:
    syntax = "explicit little endian"
    signed, edited = radiograph(), radiograph()
    edit(edited)
    tree = hash_header(canonical_attributes(read(encode(signed, syntax), syntax)), SEED)
    found = canonical_attributes(read(encode(edited, syntax), syntax))
    write(
        name,
        {
            "description": description,
            "syntax": syntax,
            "tree": cbor2.dumps(tree.to_cbor()).hex(),
            "dataset": encode(edited, syntax).hex(),
            "changes": [
                [f"{c.tag:08X}", c.keyword, c.group.value, c.severity.value, c.kind.value]
                for c in changed_attributes(tree, found)
            ],
        },
    )


def write(name: str, content: dict[str, object]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=True)
    HERE.joinpath(f"{name}.json").write_text(text + "\n", "ascii")


def fail_cases() -> None:
    tree = hash_header(canonical_attributes(radiograph()), SEED).to_cbor()
    broken: dict[str, tuple[str, list[object]]] = {
        "version": ("an unknown version", [2, *tree[1:]]),
        "seed": ("a seed of 31 bytes", [1, bytes(31), *tree[2:]]),
        "groups": ("only six groups", tree[:-1]),
        "order": ("tags that do not ascend", [*tree[:2], [[5, 4], bytes(64)], *tree[3:]]),
        "hashes": ("a hash too few", [*tree[:2], [[4, 5], bytes(32)], *tree[3:]]),
        "twice": ("an attribute in two groups", [*tree[:-1], [[0x00080018], bytes(32)]]),
    }
    for name, (description, decoded) in broken.items():
        content: dict[str, object] = {
            "description": description,
            "tree": cbor2.dumps(decoded).hex(),
        }
        write(f"tree-{name}_fail", content)


def main() -> None:
    case(
        "empty",
        "No attributes at all: everything is signed as absent.",
        Dataset(),
        "explicit little endian",
    )
    for syntax in SYNTAXES:
        name = syntax.replace(" ", "-")
        case(
            f"radiograph-{name}",
            "One header; the root is the same in all syntaxes.",
            radiograph(),
            syntax,
        )
    case(
        "kinds-explicit",
        "Each kind of value, overlays, private elements.",
        all_kinds(),
        "explicit little endian",
    )
    case(
        "kinds-implicit",
        "The same in implicit VR: the same root.",
        all_kinds(),
        "implicit little endian",
    )
    extended = "PS3.5 H.3.1: a Japanese name with code extensions."
    case("japanese-iso-2022", extended, japanese(["", "ISO 2022 IR 87"]), "explicit little endian")
    case(
        "japanese-utf-8",
        "The same in UTF-8: the same root.",
        japanese(["ISO_IR 192"]),
        "explicit little endian",
    )
    case(
        "greek-iso-ir-126",
        "A Greek name in its own set.",
        greek("ISO_IR 126"),
        "explicit little endian",
    )
    case(
        "greek-utf-8",
        "The same in UTF-8: the same root.",
        greek("ISO_IR 192"),
        "implicit little endian",
    )

    edit_case("edit-nothing", "Spelled otherwise, padded otherwise: no change.", respell)
    edit_case("edit-laterality", "Right for left.", lambda d: setattr(d, "ImageLaterality", "R"))
    edit_case(
        "edit-add-laterality",
        "A laterality that was signed as absent.",
        lambda d: setattr(d, "Laterality", "R"),
    )
    edit_case(
        "edit-remove-name", "The patient's name taken out.", lambda d: d.__delattr__("PatientName")
    )
    edit_case("edit-several", "Window, name, spacing and a private element.", edit_several)
    fail_cases()


def respell(dataset: Dataset) -> None:
    dataset.PatientID = "P-0001"
    dataset.KVP = "7E1"
    dataset.PatientName = "Müller^Jörg"
    del dataset.AccessionNumber
    dataset.StudyID = ""
    dataset.Rows = 128


def edit_several(dataset: Dataset) -> None:
    dataset.WindowCenter = "1024"
    dataset.PatientName = "Meier^Jörg"
    dataset.ImagerPixelSpacing = ["0.143", "0.144"]
    dataset.private_block(0x0019, "ACME 1.0", create=True).add_new(0x01, "LO", "new")


if __name__ == "__main__":
    main()
