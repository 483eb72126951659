"""What a birth asserts of its object, opened by the annex.

A Claim is built by `open_claim` alone, so whoever holds one holds verified bytes and the very
certificate that signed them. Knows no file, no clock, no trust: see trust/store.py for who is
believed.
"""

from dataclasses import dataclass, field

from cryptography import x509

from ledger import Event, Statement, UnverifiedStatement
from provenance.claims.annex import Annex
from provenance.claims.birth import BirthBody, open_birth
from provenance.claims.second_signature import SecondClaim, SecondDoubt, open_second
from provenance.derivation.parents import Parentage, open_parents
from provenance.errors import EvidenceError
from provenance.header_tree import require_labels
from provenance.seal_root import commit_descriptor, commit_object, commit_original


@dataclass(frozen=True, slots=True)
class Claim:
    """A birth whose signature verified, with an annex that fits its commitments.

    ``parentage`` is what `derived` says of its parents, opened; None for any other birth.
    ``second`` is what became of the second signature; None if the seal names no second key.
    """

    statement: Statement
    seal_id: bytes
    body: BirthBody
    annex: Annex = field(repr=False)
    chain: tuple[x509.Certificate, ...]
    parentage: Parentage | None = field(default=None, repr=False)
    second: SecondClaim | SecondDoubt | None = None

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate whose key signed the seal."""
        return self.chain[0]

    @property
    def event(self) -> Event:
        """With which birth the object's life began."""
        return self.statement.event


def open_claim(unverified: UnverifiedStatement, annex: Annex) -> Claim:
    """Verify the seal's signature and that ``annex`` belongs to it.

    Raises MalformedError (not a seal), or EvidenceError (signature, certificate, annex or what the
    annex shows of parents do not fit). Whether the certificate is trusted is another question.
    """
    birth = open_birth(unverified, annex.certificates)
    _check_annex(birth.body, annex, unverified.event)
    parentage, second = None, None
    if unverified.event is Event.DERIVED:
        assert birth.body.origin is not None
        parentage = open_parents(birth.body.origin, annex)
    if birth.body.second is not None:
        second = open_second(birth.statement.encoded, birth.body.second, annex.second)
    return Claim(
        birth.statement, birth.object_id, birth.body, annex, birth.chain, parentage, second
    )


def _check_annex(body: BirthBody, annex: Annex, event: Event) -> None:
    if commit_object(annex.salt, annex.root) != body.commitment:
        raise EvidenceError("the annex's hashes are not those that were signed")
    require_labels(annex.header)
    original = annex.original
    if (original is None) != (body.original is None) or (
        original is not None and commit_original(original.salt, original.root) != body.original
    ):
        raise EvidenceError("the annex's original root is not the one that was signed")
    descriptor = annex.descriptor
    if (descriptor is None) != (body.descriptor is None) or (
        descriptor is not None and commit_descriptor(annex.salt, descriptor) != body.descriptor
    ):
        raise EvidenceError("the annex's descriptor is not the one that was signed")
    if annex.lineage is not None and event is not Event.DERIVED:
        raise EvidenceError(f"the annex shows parents, and what was {event} shows none")
    if annex.second is not None and body.second is None:
        raise EvidenceError("the annex holds a second signature that the seal does not name")
