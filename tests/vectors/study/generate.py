"""Makes the cases in this folder: python tests/vectors/study/generate.py

Fixed values stand in for what is random, so that the bytes never change. Each case has one failure
at most; cbor2 writes what must fail, since our own writer would refuse. Roots and commitments are
computed here from docs/spec/study.md, without the package; only the statements are signed with it.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ledger import FIRST, Event, PrivateKeySigner, sign_statement

FOLDER = Path(__file__).parent
STUDY, SERIES, CLASS = "1.2.3", "1.2.3.1", "1.2.840.10008.5.1.4.1.1.2"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
Row = list[Any]


def filled(text: str, size: int = 32) -> bytes:
    """Bytes that say where they come from."""
    return hashlib.shake_256(text.encode()).digest(size)


def key(name: str) -> Ed25519PrivateKey:
    """A key that is the same each time."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def certificate(name: str, serial: int = 1) -> bytes:
    """A certificate of that key by itself: Ed25519 signs the same each time."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key(name).public_key())
        .serial_number(serial)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2056, 1, 1, tzinfo=UTC))
        .sign(key(name), None)
        .public_bytes(Encoding.DER)
    )


def row(number: int, **changes: Any) -> Row:
    """One instance; ``changes`` are by the place of the field."""
    fields: Row = [
        f"1.2.3.1.{number}",
        CLASS,
        SERIES,
        number,
        1,
        ["0", "0", f"{number}.5"],
        "AUTHENTIC",
        [filled(f"seal {number}", 12), filled(f"leaf {number}")],
        filled(f"object {number}"),
        filled(f"image {number}"),
        None,
    ]
    for place, value in changes.items():
        fields[int(place[1:])] = value
    return fields


def node(left: bytes, right: bytes) -> bytes:
    """A node of the tree."""
    return hashlib.sha256(b"\1" + left + right).digest()


def tree(leaves: list[bytes]) -> bytes:
    """The root, splitting at the largest power of two below the size (RFC 6962, 2.1)."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return node(tree(leaves[:half]), tree(leaves[half:]))


def roots(fields: dict[int, Any]) -> dict[str, str]:
    """Root and commitment of a manifest, by the specification."""
    rows = fields[5]
    leaves = [hashlib.sha256(b"\0radseal-instance-1" + cbor2.dumps(r)).digest() for r in rows]
    content = fields[3].encode() + b"\0" + len(rows).to_bytes(8, "big") + tree(leaves)
    root = hashlib.sha256(b"\0radseal-manifest-1" + content).digest()
    commitment = hashlib.sha256(b"\0radseal-study-1" + fields[2] + root).digest()
    return {"root": root.hex(), "commitment": commitment.hex()}


def manifest(rows: list[Row], **changes: Any) -> dict[int, Any]:
    """The map of a manifest; ``changes`` are by key."""
    fields = {1: 1, 2: filled("salt"), 3: STUDY, 4: [certificate("vector archivist")], 5: rows}
    return fields | {int(name[1:]): value for name, value in changes.items()}


def manifests() -> dict[str, dict[int, Any]]:
    """Manifests that are read, and such as are not."""
    two = [row(1), row(2)]
    plain = row(3, f4=0, f5=None, f6="UNSEALED", f7=None, f9=None)
    extra = manifest(two) | {6: None}
    lacking = {k: v for k, v in manifest(two).items() if k != 4}
    return {
        "manifest-two": manifest(two),
        "manifest-one": manifest([row(1)]),
        "manifest-seven": manifest([row(n) for n in range(1, 8)]),
        "manifest-marked": manifest([row(1, f10=filled("original"))]),
        "manifest-no-number": manifest([row(1, f3=None)]),
        "manifest-negative": manifest([row(1, f3=-(1 << 31))]),
        "manifest-unsealed": manifest([row(1), plain]),
        "manifest-derived": manifest([row(1, f6="DERIVED")]),
        "manifest-no-instance_fail": manifest([]),
        "manifest-version_fail": manifest(two, k1=2),
        "manifest-version-boolean_fail": manifest(two, k1=True),
        "manifest-salt_fail": manifest(two, k2=filled("salt", 31)),
        "manifest-study_fail": manifest(two, k3="study"),
        "manifest-study-empty_fail": manifest(two, k3=""),
        "manifest-no-certificate_fail": manifest(two, k4=[]),
        "manifest-nine-certificates_fail": manifest(two, k4=[b"x"] * 9),
        "manifest-certificate-text_fail": manifest(two, k4=["x"]),
        "manifest-order_fail": manifest([row(2), row(1)]),
        "manifest-twice_fail": manifest([row(1), row(1)]),
        "manifest-more-keys_fail": extra,
        "manifest-less-keys_fail": lacking,
        "row-short_fail": manifest([row(1)[:-1]]),
        "row-long_fail": manifest([[*row(1), None]]),
        "row-uid_fail": manifest([row(1, f0="1.2.3 ")]),
        "row-uid-long_fail": manifest([row(1, f0="1." + "2" * 63)]),
        "row-class_fail": manifest([row(1, f1="CT")]),
        "row-series_fail": manifest([row(1, f2="")]),
        "row-number_fail": manifest([row(1, f3=1 << 31)]),
        "row-number-boolean_fail": manifest([row(1, f3=True)]),
        "row-frames_fail": manifest([row(1, f4=-1)]),
        "row-frames-boolean_fail": manifest([row(1, f4=True)]),
        "row-frames-no-image_fail": manifest([row(1, f4=0)]),
        "row-image-no-frames_fail": manifest([row(1, f9=None)]),
        "row-position-two_fail": manifest([row(1, f5=["0", "0"])]),
        "row-position-empty_fail": manifest([row(1, f5=["0", "0", ""])]),
        "row-position-long_fail": manifest([row(1, f5=["0", "0", "1" * 17])]),
        "row-position-number_fail": manifest([row(1, f5=[0, 0, 1])]),
        "row-word_fail": manifest([row(1, f6="ALTERED")]),
        "row-seal-none_fail": manifest([row(1, f7=None)]),
        "row-seal-unsealed_fail": manifest([row(1, f6="UNSEALED")]),
        "row-seal-short_fail": manifest([row(1, f7=[filled("s", 11), filled("l")])]),
        "row-root_fail": manifest([row(1, f8=filled("object", 31))]),
        "row-root-null_fail": manifest([row(1, f8=None)]),
        "row-original-unsealed_fail": manifest(
            [row(1, f6="UNSEALED", f7=None, f10=filled("original"))]
        ),
    }


def body(fields: dict[int, Any], **changes: Any) -> dict[int, Any]:
    """The body that a closing of this manifest has."""
    right = {
        1: hashlib.sha256(fields[4][0]).digest(),
        2: bytes.fromhex(roots(fields)["commitment"]),
        3: (len(fields[5]) - 1).bit_length(),
    }
    return right | {int(name[1:]): value for name, value in changes.items()}


def statement(
    content: dict[int, Any], *, event: Event = Event.STUDY_CLOSED, by: str = "vector archivist"
) -> bytes:
    """A statement with this body, signed."""
    return sign_statement(
        event=event,
        object_id=filled("study object", 12),
        object_link=FIRST,
        actor_link=FIRST,
        claimed_at=AT,
        head_seen=None,
        body=content,
        signer=PrivateKeySigner.from_private_key(key(by)),
    )


def closings() -> dict[str, tuple[bytes, dict[int, Any]]]:
    """Statements with manifests that fit them, and such as do not."""
    two = manifest([row(1), row(2)])
    other = manifest([row(1), row(3)])
    return {
        "closing-two": (statement(body(two)), two),
        "closing-other-manifest_fail": (statement(body(two)), other),
        "closing-other-salt_fail": (statement(body(two)), two | {2: filled("other")}),
        "closing-other-study_fail": (statement(body(two)), two | {3: "1.2.4"}),
        "closing-certificate_fail": (
            statement(body(two)),
            two | {4: [certificate("vector device")]},
        ),
        "closing-certificate-same-key_fail": (
            statement(body(two)),
            two | {4: [certificate("vector archivist", 2)]},
        ),
        "closing-signer_fail": (statement(body(two), by="vector device"), two),
        "closing-event_fail": (statement(body(two), event=Event.VERIFIED), two),
        "closing-size-class_fail": (statement(body(two, k3=2)), two),
    }


def bodies() -> dict[str, dict[int, Any]]:
    """Bodies that are read, and such as are not."""
    two = manifest([row(1), row(2)])
    return {
        "body-two": body(two),
        "body-most": body(two, k3=17),
        "body-class_fail": body(two, k3=18),
        "body-class-negative_fail": body(two, k3=-1),
        "body-class-boolean_fail": body(two, k3=True),
        "body-commitment_fail": body(two, k2=filled("short", 31)),
        "body-certificate_fail": body(two, k1=filled("long", 33)),
        "body-more-keys_fail": body(two) | {4: None},
        "body-less-keys_fail": {k: v for k, v in body(two).items() if k != 3},
    }


def write(name: str, case: dict[str, object]) -> None:
    """One case, one file."""
    text = json.dumps(case, indent=1)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Write the cases."""
    encode: Callable[[object], str] = lambda value: cbor2.dumps(value, canonical=True).hex()  # noqa: E731
    for name, fields in manifests().items():
        case: dict[str, object] = {"what": "manifest", "encoded": encode(fields)}
        write(name, case if name.endswith("_fail") else case | roots(fields))
    for name, fields in bodies().items():
        write(name, {"what": "body", "encoded": encode(fields)})
    for name, (signed, fields) in closings().items():
        case = {"what": "closing", "statement": signed.hex(), "encoded": encode(fields)}
        write(name, case)


if __name__ == "__main__":
    main()
