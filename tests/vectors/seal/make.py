"""Makes vectors.json in this folder: python tests/vectors/seal/make.py

Fixed values stand in for what is random in a seal, so that the bytes never change.
"""

import hashlib
import json
from pathlib import Path

from ledger import encode_cbor
from provenance.claims.annex import Annex, Original
from provenance.claims.birth import BirthBody, MarkTerms
from provenance.claims.second_signature import SecondSignature
from provenance.dicom.attributes import Group
from provenance.header_tree import HeaderTree
from provenance.image_tree import ImageTree, PixelGeometry
from provenance.seal_root import (
    commit_descriptor,
    commit_object,
    commit_original,
    object_root,
)


def filled(text: str, size: int = 32) -> bytes:
    """Bytes that say where they come from."""
    return hashlib.shake_256(text.encode()).digest(size)


def main() -> None:
    """Write the vectors."""
    geometry = PixelGeometry(70, 130, 1, 1, 12, False, "int", "grey", False)
    image = ImageTree(geometry, filled("tiles", geometry.tiles * 32), None)
    leaves = tuple((0x00100010 + n, group, filled(f"leaf {n}")) for n, group in enumerate(Group))
    header = HeaderTree(filled("seed"), leaves)
    cases = {}
    for name, marked, with_pixels, twice in (
        ("marked", True, True, False),
        ("unmarked", False, True, False),
        ("no-pixels", False, False, False),
        ("signed-twice", False, True, True),
    ):
        annex = Annex(
            salt=filled("salt"),
            image=image if with_pixels else None,
            header=header,
            certificates=(filled("certificate", 100),),
            original=Original(filled("salt_o"), filled("original root")) if marked else None,
            descriptor=filled("descriptor", 4096) if marked else None,
            second=SecondSignature(filled("second", 3438), (filled("second certificate", 100),))
            if twice
            else None,
        )
        root = object_root(
            image_root=annex.image.root if annex.image else None, header_root=header.root
        )
        body = BirthBody(
            certificate=hashlib.sha256(annex.certificates[0]).digest(),
            commitment=commit_object(annex.salt, root),
            original=commit_original(annex.original.salt, annex.original.root)
            if annex.original
            else None,
            mark=MarkTerms("radseal-mark-1", "radiograph", filled("key", 8), 37, 583)
            if marked
            else None,
            descriptor=commit_descriptor(annex.salt, annex.descriptor)
            if annex.descriptor
            else None,
            second=filled("second key") if twice else None,
        )
        cases[name] = {
            "image_root": annex.image.root.hex() if annex.image else None,
            "header_root": header.root.hex(),
            "object_root": root.hex(),
            "annex": annex.encode().hex(),
            "body": encode_cbor(body.to_cbor()).hex(),
        }
    path = Path(__file__).with_name("vectors.json")
    path.write_text(json.dumps(cases, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
