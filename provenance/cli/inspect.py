"""`radseal inspect`: what a file's evidence says of itself, without believing it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import STRIPPED, UNSEALED
from provenance.cli.options import common
from provenance.cli.output import (
    document,
    facts,
    moment,
    path_text,
    print_json,
    say,
    size_text,
)
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from ledger import Link, UnverifiedStatement
    from provenance.claims.annex import Annex
    from provenance.claims.birth import BirthBody, Origin
    from provenance.inspect import CertificateView, Inspection, ReceiptView


_MOST_PARENTS = 8  # that are printed


@click.command(short_help="Show what a file's evidence says of itself; verifies nothing.")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@common
@click.pass_obj
def inspect(session: Session, path: Path) -> int:
    """Show seal, annex, receipt and certificates in the file PATH. Verifies nothing.

    Whoever made the file wrote everything that is shown. Only radseal verify says what of it
    holds. Needs no site.

    \b
    Example
      radseal inspect chest.dcm
    """
    from provenance.inspect import inspect as take_apart

    found = take_apart(path)
    code = _exit_code(found)
    if session.as_json:
        print_json(document("inspect", _answer(path, found), exit_code=code))
        return code
    say(f"not verified: what {plain(path)} says of itself (radseal verify judges it)")
    facts(
        [
            ("SOP Instance UID", found.sop_instance_uid or "none"),
            ("transfer syntax", found.transfer_syntax),
            *(("note", note) for note in found.notes),
        ]
    )
    if found.carrier is None and not found.problems:
        say("no seal: the file has no private block of creator RADSEAL 1")
    if found.statement is not None:
        _print_statement(found.statement, found.body)
    if found.annex is not None:
        _print_annex(found)
    for certificate in found.certificates:
        _print_certificate(certificate)
    if found.receipt is not None:
        _print_receipt(found.receipt)
    elif found.carrier is not None and found.carrier.receipt is None:
        say("receipt: none")
    for problem in found.problems:
        say(f"cannot be read: {plain(problem)}")
    return code


def _exit_code(found: "Inspection") -> int:
    if found.problems:
        return STRIPPED
    return UNSEALED if found.carrier is None else 0


def _print_statement(statement: "UnverifiedStatement", body: "BirthBody | None") -> None:
    say(f"statement ({len(statement.encoded)} bytes)")
    pairs: list[tuple[str, object]] = [
        ("event", statement.event.value),
        ("seal id", statement.object_id.hex() if statement.object_id else "none"),
        ("claimed time", f"{moment(statement.claimed_at)} (the signer's own clock)"),
        ("algorithm", statement.algorithm.name),
        ("key id", statement.kid.hex()),
        ("event of object", _link(statement.object_link)),
        ("event of signer", _link(statement.actor_link)),
    ]
    if statement.head_seen is not None:
        head = statement.head_seen
        pairs.append(("log head seen", f"size {head.size}, root {head.root.hex()}"))
    if body is not None:
        mark = body.mark
        pairs.append(("object commitment", body.commitment.hex()))
        pairs.append(("second key id", body.second.hex() if body.second else "none"))
        if body.origin is not None:
            pairs += _origin(body.origin)
        pairs.append(
            (
                "mark",
                f"{mark.scheme}, profile {mark.profile}, at most {mark.max_change} grey levels, "
                f"PSNR {mark.psnr_centibel / 10:.1f} dB, key {mark.key_id.hex()}"
                if mark
                else "none",
            )
        )
    facts(pairs)


def _origin(origin: "Origin") -> list[tuple[str, object]]:
    parents = [f"{p.object_id.hex()}, its statement {p.leaf_hash.hex()}" for p in origin.parents]
    if origin.commitment is not None:
        parents = [f"concealed, commitment {origin.commitment.hex()}"]
    pairs: list[tuple[str, object]] = [("kind of copy", origin.kind)]
    pairs += [("parent", words) for words in parents[:_MOST_PARENTS]]
    if len(parents) > _MOST_PARENTS:
        pairs.append(("parents", f"{len(parents)} in all; --json names them"))
    return pairs


def _origin_answer(origin: "Origin") -> dict[str, object]:
    commitment = origin.commitment
    return {
        "kind": origin.kind,
        "parents": [
            {"seal_id": p.object_id.hex(), "leaf_hash": p.leaf_hash.hex()} for p in origin.parents
        ],
        "commitment": None if commitment is None else commitment.hex(),
    }


def _link(link: "Link | None") -> str:
    if link is None:
        return "none"
    return f"number {link.seq}" + (
        f", after {link.previous.hex()}" if link.previous else ", the first"
    )


def _print_annex(found: "Inspection") -> None:
    annex, carrier = found.annex, found.carrier
    assert annex is not None
    assert carrier is not None
    say(f"annex ({size_text(len(carrier.annex))})")
    restore = size_text(len(carrier.restore)) if carrier.restore else "none"
    shown = [(name.replace("_", " "), value) for name, value in _annex_facts(annex).items()]
    facts([*shown, ("restore data", restore)])


def _annex_facts(annex: "Annex") -> dict[str, object]:
    facts_: dict[str, object] = {}
    if annex.image is not None:
        geometry = annex.image.geometry
        sign = "signed" if geometry.signed else "unsigned"
        facts_["pixels"] = (
            f"{geometry.columns}x{geometry.rows}, {geometry.frames} frame(s), {geometry.colour}, "
            f"{geometry.bits_stored} bits {sign}{', stored lossy' if geometry.lossy else ''}"
        )
        facts_["tile_hashes"] = len(annex.image.tiles) // 32
    else:
        facts_["pixels"] = "none"
    facts_["attribute_hashes"] = len(annex.header.leaves)
    facts_["original_root"] = annex.original.root.hex() if annex.original else "none"
    facts_["thumbnail"] = "64x64" if annex.descriptor else "none"
    if annex.lineage is not None:
        facts_["shown_of_parents"] = size_text(len(annex.lineage))
    second = annex.second
    facts_["second_signature"] = f"{len(second.signature)} bytes" if second else "none"
    return facts_


def _print_certificate(certificate: "CertificateView") -> None:
    say("certificate")
    facts(
        [
            ("subject", certificate.subject),
            ("issuer", certificate.issuer),
            ("role", certificate.role or "none named"),
            ("serial", f"{certificate.serial:x}"),
            ("valid", f"{certificate.valid_from} to {certificate.valid_until}"),
            ("SHA-256", certificate.sha256.hex()),
        ]
    )


def _print_receipt(receipt: "ReceiptView") -> None:
    say("receipt (C2SP tlog-proof)")
    names = ("log", "size", "root", *(["extension"] * max(len(receipt.checkpoint) - 3, 0)))
    facts(
        [
            ("entry", receipt.index),
            ("path", f"{receipt.path_length} hashes"),
            *zip(names, receipt.checkpoint, strict=False),
            *(("signature line", signer) for signer in receipt.signers),
        ]
    )


def _answer(path: Path, found: "Inspection") -> dict[str, object]:
    statement, body, receipt = found.statement, found.body, found.receipt
    answer: dict[str, object] = {
        "verified": False,
        "path": path_text(path),
        "sop_instance_uid": found.sop_instance_uid,
        "transfer_syntax": found.transfer_syntax,
        "notes": list(found.notes),
        "problems": list(found.problems),
        "statement": _statement_answer(statement, body) if statement else None,
        "annex": _annex_facts(found.annex) if found.annex else None,
        "certificates": [_certificate_answer(c) for c in found.certificates],
        "receipt": None,
    }
    if receipt is not None:
        answer["receipt"] = {
            "index": receipt.index,
            "path_length": receipt.path_length,
            "checkpoint": list(receipt.checkpoint),
            "signature_lines": list(receipt.signers),
        }
    return answer


def _statement_answer(
    statement: "UnverifiedStatement", body: "BirthBody | None"
) -> dict[str, object]:
    head, mark = statement.head_seen, body.mark if body else None
    return {
        "event": statement.event.value,
        "seal_id": statement.object_id.hex() if statement.object_id else None,
        "claimed_at": moment(statement.claimed_at),
        "algorithm": statement.algorithm.name,
        "key_id": statement.kid.hex(),
        "object_number": statement.object_link.seq if statement.object_link else None,
        "signer_number": statement.actor_link.seq,
        "head_seen": {"size": head.size, "root": head.root.hex()} if head else None,
        "object_commitment": body.commitment.hex() if body else None,
        "second_key_id": body.second.hex() if body and body.second else None,
        "mark": {
            "scheme": mark.scheme,
            "profile": mark.profile,
            "max_change": mark.max_change,
            "psnr_db": mark.psnr_centibel / 10,
            "key_id": mark.key_id.hex(),
        }
        if mark
        else None,
        "origin": _origin_answer(body.origin) if body and body.origin else None,
    }


def _certificate_answer(certificate: "CertificateView") -> dict[str, object]:
    return {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "role": certificate.role,
        "serial": f"{certificate.serial:x}",
        "valid_from": certificate.valid_from,
        "valid_until": certificate.valid_until,
        "sha256": certificate.sha256.hex(),
    }
