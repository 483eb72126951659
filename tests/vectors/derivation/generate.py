"""Makes the cases in this folder: python tests/vectors/derivation/generate.py

A second implementation of docs/spec/derivation.md (cbor2, hashlib and cryptography alone), with
fixed values for what is random, so that the bytes never change. Each case has one failure at most.
"""

import copy
import csv
import hashlib
import hmac
import json
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

FOLDER = Path(__file__).parent
ROWS, COLUMNS, BITS = 70, 130, 12
DECLARED = {1: [], 2: [], 3: []}  # deidentification.md
Map = dict[int, Any]


def filled(text: str, size: int = 32) -> bytes:
    """Bytes that say where they come from."""
    return hashlib.shake_256(text.encode()).digest(size)


def leaf(*parts: bytes) -> bytes:
    """A leaf of any of our trees."""
    return hashlib.sha256(b"\0" + b"".join(parts)).digest()


def root(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, over hashes that are leaves already."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(hashes[:split]) + root(hashes[split:])).digest()


class Actor:
    """A key from a seed, and the certificate it signs for itself."""

    def __init__(self, name: str) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(filled(f"key of {name}"))
        public = self.key.public_key()
        self.spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.kid = hashlib.sha256(self.spki).digest()
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(public)
            .serial_number(int.from_bytes(filled(name, 8), "big") >> 1)
            .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2056, 1, 1, tzinfo=UTC))
            .sign(self.key, None)
        )
        self.certificate = certificate.public_bytes(Encoding.DER)

    def state(self, event: str, object_id: bytes, body: Map, number: int = 0) -> bytes:
        """Sign a statement (docs/spec/statement.md)."""
        payload = dumps(
            {
                1: 1,
                2: event,
                3: object_id,
                4: [0, None],
                5: [number, filled("before") if number else None],
                6: 1_772_366_400_250,
                7: None,
                8: body,
            }
        )
        protected = dumps(
            {
                1: -19,
                3: "application/radseal-event+cbor",
                4: self.kid,
                15: {
                    1: f"urn:radseal:key:{self.kid.hex()}",
                    2: f"urn:radseal:object:{object_id.hex()}",
                },
                16: "application/radseal-statement+cose",
            }
        )
        signature = self.key.sign(dumps(["Signature1", protected, b"", payload]))
        return dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))


def dumps(value: object) -> bytes:
    """Deterministic CBOR."""
    return cbor2.dumps(value, canonical=True)


def frame(text: str) -> bytes:
    """12-bit samples of one frame, little endian."""
    raw = filled(text, ROWS * COLUMNS * 2)
    return b"".join(struct.pack("<H", v & 0x0FFF) for (v,) in struct.iter_unpack("<H", raw))


def blackened(samples: bytes) -> bytes:
    """The frame with rows 64 to 69 of its first 64 columns at zero: tile 3."""
    changed = bytearray(samples)
    for row in range(64, ROWS):
        changed[row * COLUMNS * 2 : (row * COLUMNS + 64) * 2] = bytes(128)
    return bytes(changed)


def tiles(samples: bytes, number: int) -> list[bytes]:
    """The tile hashes of frame ``number``."""
    found = []
    for y in range(0, ROWS, 64):
        for x in range(0, COLUMNS, 64):
            height, width = min(64, ROWS - y), min(64, COLUMNS - x)
            lines = [
                samples[(row * COLUMNS + x) * 2 : (row * COLUMNS + x + width) * 2]
                for row in range(y, y + height)
            ]
            place = struct.pack(">IIIHH", number, y, x, height, width)
            found.append(leaf(b"radseal-tile-1", place, *lines))
    return found


def geometry(frames: int, *, lossy: bool = False) -> list[Any]:
    """The nine values."""
    return [ROWS, COLUMNS, frames, 1, BITS, False, "int", "grey", lossy]


UID, NAME, PATIENT_ID, STUDY = 0x00080018, 0x00100010, 0x00100020, 0x0020000D
PATIENT = {NAME: "Test^Phantom", PATIENT_ID: "P-1", STUDY: "1.2.3"}


GROUPS = ("instance", "identity", "geometry", "display", "acquisition", "rest", "private")


def _table() -> dict[int, str]:
    """The group of each attribute that is always signed, and of the private leaf, tag 0."""
    path = FOLDER.parents[2] / "provenance" / "dicom" / "attributes.csv"
    with path.open(encoding="ascii", newline="") as file:
        rows = [(row["tag"], row["group"]) for row in csv.DictReader(file)]
    signed = {int(tag, 16): group for tag, group in rows if group in GROUPS and "x" not in tag}
    return signed | {0: "private"}


TABLE = _table()


class Header:
    """A header tree (docs/spec/header-tree.md) of one UID, one patient and one study.

    All other attributes of the table are signed as absent.
    """

    def __init__(self, name: str) -> None:
        self.uid = f"1.2.826.0.1.{sum(name.encode())}"
        self.seed = filled(f"seed of {name}")
        there = {UID: self.uid, **PATIENT}
        self.groups = []
        self.hashes = []
        for group in GROUPS:
            tags = sorted(tag for tag, own in TABLE.items() if own == group)
            hashes = [
                leaf(
                    b"radseal-attribute-1",
                    self.salt(tag),
                    dumps([group, tag, [there[tag]] if tag in there else None]),
                )
                for tag in tags
            ]
            self.groups.append([tags, b"".join(hashes)])
            inner = root(hashes) if hashes else hashlib.sha256().digest()
            self.hashes.append(leaf(b"radseal-group-1", group.encode(), inner))
        self.root = root(self.hashes)

    def salt(self, tag: int) -> bytes:
        """The salt of an attribute."""
        return hmac.digest(self.seed, tag.to_bytes(4, "big"), "sha256")[:16]

    @property
    def tree(self) -> list[Any]:
        """As an annex carries it."""
        return [1, self.seed, *self.groups]

    @property
    def shown(self) -> list[Any]:
        """As a copy of the same patient and study shows it."""
        others = b"".join(self.hashes[2:])
        salts = [self.salt(tag) for tag in PATIENT]
        return [*self.groups[:2], others, [self.uid, self.salt(UID)], salts]


class Thing:
    """An object: its frames, its trees, its commitment."""

    def __init__(self, name: str, frames: list[bytes], *, lossy: bool = False) -> None:
        self.salt, self.object_id = filled(f"salt of {name}"), filled(f"id of {name}", 12)
        self.header = Header(name)
        self.frames = frames
        self.geometry = geometry(len(frames), lossy=lossy)
        self.tiles = [tiles(samples, n) for n, samples in enumerate(frames)]
        self.compressed = (
            [filled(f"{name} compressed {n}") for n in range(len(frames))] if lossy else None
        )
        bound = self.compressed or [b""] * len(frames)
        self.leaves = [
            leaf(b"radseal-frame-1", struct.pack(">I", n), root(own), bound[n])
            for n, own in enumerate(self.tiles)
        ]
        image = root([leaf(b"radseal-pixels-1", dumps(self.geometry)), *self.leaves])
        object_root = leaf(b"radseal-object-1", image, self.header.root)
        self.commitment = leaf(b"radseal-commitment-1", self.salt, object_root)

    def body(self, certificate: bytes) -> Map:
        """The five fields that every birth has."""
        digest = hashlib.sha256(certificate).digest()
        return {1: digest, 2: self.commitment, 3: None, 4: None, 5: None}

    def annex(self, certificate: bytes, lineage: bytes | None) -> Map:
        """The annex of a copy."""
        hashes = b"".join(digest for own in self.tiles for digest in own)
        image = [self.geometry, hashes, self.compressed]
        fields: Map = {1: 3, 2: self.salt, 3: image, 4: self.header.tree, 5: [certificate], 6: None}
        return fields | {7: None, 8: lineage}

    def shown(self) -> list[Any]:
        """Its image as a copy shows it."""
        if self.compressed is None:
            return [self.geometry, b"".join(self.leaves)]
        pairs = zip(self.tiles, self.compressed, strict=True)
        return [self.geometry, b"".join(root(own) + digest for own, digest in pairs)]


DEVICE, MAKER = Actor("device"), Actor("maker")
PARENT = Thing("parent", [frame(f"frame {n}") for n in range(4)])
SEAL = DEVICE.state("sealed", PARENT.object_id, PARENT.body(DEVICE.certificate))
LOSSY = Thing("lossy parent", [frame("frame 9")], lossy=True)
LOSSY_SEAL = DEVICE.state("sealed", LOSSY.object_id, LOSSY.body(DEVICE.certificate), 1)
COPY = Thing(
    "copy", [PARENT.frames[2], PARENT.frames[3], blackened(PARENT.frames[1]), frame("new")]
)
REWRAPPED = Thing("rewrapped", [LOSSY.frames[0]])


def link(statement: bytes, thing: Thing) -> list[bytes]:
    """How a copy names a parent."""
    return [leaf(statement), thing.object_id]


def evidence(statement: bytes, thing: Thing, chain: int = 0) -> list[Any]:
    """How a copy shows a parent."""
    return [statement, chain, thing.salt, thing.header.shown, thing.shown()]


def bodies() -> dict[str, tuple[str, Map]]:
    """Bodies by name, each with its event."""
    plain = COPY.body(MAKER.certificate)
    parent = [filled("leaf"), filled("id", 12)]
    many = [[filled("leaf"), n.to_bytes(12, "big")] for n in range(1025)]
    good = plain | {7: "split", 8: [parent]}
    cases = {
        "derived": good,
        "derived-most": plain | {7: "a" * 32, 8: many[:1024]},
        "derived-marked": good
        | {4: {1: "radseal-mark-2", 2: "radiograph", 3: filled("key", 8), 4: 3, 5: 583}},
        "derived-too-many_fail": plain | {7: "split", 8: many},
        "derived-no-parent_fail": plain | {7: "split", 8: []},
        "derived-parent-twice_fail": plain | {7: "split", 8: [parent, parent]},
        "derived-parent-short_fail": plain | {7: "split", 8: [[filled("leaf"), filled("id", 11)]]},
        "derived-parent-commitment_fail": plain | {7: "split", 8: filled("commitment")},
        "derived-kind-capital_fail": good | {7: "Split"},
        "derived-kind-empty_fail": good | {7: ""},
        "derived-kind-long_fail": good | {7: "a" * 33},
        "derived-kind-newline_fail": good | {7: "split\n"},
        "derived-original_fail": good | {3: filled("original")},
        "derived-field-6_fail": good | {6: None},
        "derived-field-9_fail": good | {9: None},
        "derived-of-seal_fail": plain,
        "deidentified": plain | {7: "basic-profile", 8: filled("commitment"), 9: DECLARED},
        "deidentified-parents_fail": plain | {7: "basic-profile", 8: [parent], 9: DECLARED},
        "sealed-parents_fail": good,
    }
    return {name: (name.split("-")[0].removesuffix("_fail"), body) for name, body in cases.items()}


def claims() -> dict[str, tuple[bytes, bytes, Thing]]:
    """Statement and annex by name, and whose samples they are of."""
    part = [2, 0, 1, b"".join(PARENT.tiles[1])]
    lineage: Map = {
        1: 1,
        2: [[DEVICE.certificate]],
        3: [evidence(SEAL, PARENT)],
        4: [[0, 0, 2, 2]],
        5: [part],
    }

    def made(
        changed: Map | None = None,
        *,
        thing: Thing = COPY,
        links: list[Any] | None = None,
        shown: Any = ...,
        event: str = "derived",
    ) -> tuple[bytes, bytes, Thing]:
        fields = copy.deepcopy(lineage) | (changed or {})
        body = thing.body(MAKER.certificate) | {7: "split", 8: links or [link(SEAL, PARENT)]}
        statement = MAKER.state(event, thing.object_id, body)
        encoded = dumps(fields) if shown is ... else shown
        return statement, dumps(thing.annex(MAKER.certificate, encoded)), thing

    other = DEVICE.state("sealed", PARENT.object_id, LOSSY.body(DEVICE.certificate), 2)
    sent = DEVICE.state("sent", PARENT.object_id, {})
    forged = SEAL[:-64] + bytes(64)
    lossy = {3: [evidence(LOSSY_SEAL, LOSSY)], 5: []}
    own = [link(LOSSY_SEAL, LOSSY)]
    bad_salt = evidence(SEAL, PARENT)
    bad_salt[2] = filled("another salt")
    bad_header = evidence(SEAL, PARENT)
    bad_header[3] = LOSSY.header.shown
    bad_uid = evidence(SEAL, PARENT)
    bad_uid[3] = copy.deepcopy(bad_uid[3])
    bad_uid[3][3][0] = "1.2.3.4"
    short_salt = evidence(SEAL, PARENT)
    short_salt[3] = copy.deepcopy(short_salt[3])
    short_salt[3][4][0] = bytes(15)
    few_salts = evidence(SEAL, PARENT)
    few_salts[3] = copy.deepcopy(few_salts[3])
    few_salts[3][4].pop()
    silent = evidence(SEAL, PARENT)
    silent[3] = copy.deepcopy(silent[3])
    silent[3][4] = [None] * 3
    bad_leaf = evidence(SEAL, PARENT)
    bad_leaf[4] = [PARENT.geometry, b"".join([filled("leaf"), *PARENT.leaves[1:]])]
    no_image = evidence(SEAL, PARENT)
    no_image[4] = None
    return {
        "claim-split": made(),
        "claim-word": made({4: [], 5: []}),
        "claim-of-lossy": made(lossy | {4: [[0, 0, 0, 1]]}, thing=REWRAPPED, links=own),
        "claim-no-lineage_fail": made(shown=None),
        "claim-lineage-version_fail": made({1: 2}),
        "claim-lineage-field-6_fail": made({6: None}),
        "claim-no-chain_fail": made({2: []}),
        "claim-chain-missing_fail": made({3: [evidence(SEAL, PARENT, 1)]}),
        "claim-no-parent_fail": made({3: []}),
        "claim-two-for-one_fail": made({3: [evidence(SEAL, PARENT)] * 2}),
        "claim-another-parent_fail": made({3: [evidence(LOSSY_SEAL, LOSSY)], 4: [], 5: []}),
        "claim-another-statement_fail": made({3: [evidence(other, PARENT)]}),
        "claim-parent-no-birth_fail": made(
            {3: [evidence(sent, PARENT)]}, links=[link(sent, PARENT)]
        ),
        "claim-parent-forged_fail": made(
            {3: [evidence(forged, PARENT)]}, links=[link(forged, PARENT)]
        ),
        "claim-parent-certificate_fail": made({2: [[MAKER.certificate]]}),
        "claim-parent-salt_fail": made({3: [bad_salt]}),
        "claim-parent-header_fail": made({3: [bad_header]}),
        "claim-silent-of-patient": made({3: [silent]}),
        "claim-parent-uid_fail": made({3: [bad_uid]}),
        "claim-parent-short-salt_fail": made({3: [short_salt]}),
        "claim-parent-two-salts_fail": made({3: [few_salts]}),
        "claim-parent-frame_fail": made({3: [bad_leaf]}),
        "claim-parent-no-image_fail": made({3: [no_image]}),
        "claim-frame-beyond-copy_fail": made({4: [[3, 0, 2, 2]], 5: []}),
        "claim-frame-beyond-parent_fail": made({4: [[0, 0, 3, 2]]}),
        "claim-frame-of-nobody_fail": made({4: [[0, 1, 2, 2]]}),
        "claim-frame-twice_fail": made({4: [[0, 0, 2, 2], [1, 0, 3, 1]]}),
        "claim-frame-order_fail": made({4: [[1, 0, 3, 1], [0, 0, 2, 1]]}),
        "claim-frame-none_fail": made({4: [[0, 0, 2, 0]]}),
        "claim-frame-equal-and-part_fail": made({4: [[0, 0, 2, 2], [2, 0, 1, 1]]}),
        "claim-tiles-changed_fail": made({5: [[2, 0, 1, b"".join(PARENT.tiles[0])]]}),
        "claim-tiles-missing_fail": made({5: [[2, 0, 1, b"".join(PARENT.tiles[1][:-1])]]}),
        "claim-commitment-as-parents_fail": made(event="deidentified"),
        "pixels-map-lies_fail": made({4: [[0, 0, 1, 2]], 5: []}),
        "pixels-map-of-new_fail": made({4: [[0, 0, 2, 2], [3, 0, 0, 1]]}),
        "pixels-no-tile_fail": made({5: [[3, *part[1:]]]}),
        "pixels-of-lossy-lie_fail": made(
            lossy | {4: [[0, 0, 0, 1]]},
            thing=Thing("repainted", [frame("frame 8")]),
            links=own,
        ),
    }


def main() -> None:
    """Write the cases."""
    for name, (event, body) in bodies().items():
        case = {"what": "body", "event": event, "encoded": dumps(body).hex()}
        write(f"body-{name}", case)
    for name, (statement, annex, thing) in claims().items():
        case = {
            "what": name.split("-")[0],
            "statement": statement.hex(),
            "annex": annex.hex(),
            "frames": [hashlib.sha256(samples).hexdigest() for samples in thing.frames],
        }
        write(name, case)
    samples = {
        hashlib.sha256(each).hexdigest(): each.hex()
        for each in [*COPY.frames, *REWRAPPED.frames, frame("frame 8")]
    }
    path = FOLDER / "samples" / "frames.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(samples, indent=1) + "\n", encoding="utf-8")


def write(name: str, case: dict[str, Any]) -> None:
    """Write one case."""
    (FOLDER / f"{name}.json").write_text(json.dumps(case, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
