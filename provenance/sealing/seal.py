"""The write path: mark, hash, sign, log, carry.

`seal` draws clock and chance; `seal_at_time` is the same with both given.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import watermark
from ledger import Entry, Event, LedgerError, Waiting
from provenance.claims.annex import Annex
from provenance.claims.birth import BirthBody, MarkTerms, Origin
from provenance.claims.second_signature import SecondSignature
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.carrier import Carrier, read_carrier, write_carrier
from provenance.dicom.pixels import pixel_geometry
from provenance.dicom.read import Instance, read_instance
from provenance.dicom.write import instance_bytes, write_instance
from provenance.errors import SealError
from provenance.header_tree import hash_header
from provenance.marks.marking import weakness
from provenance.ps315.sign import DicomSigner, sign_object, signature_uid
from provenance.records import pseudonyms
from provenance.seal_root import commit_descriptor, commit_object, commit_original
from provenance.sealing.chance import Chance
from provenance.sealing.marked_instance import Step, mark_instance
from provenance.site.device import Device, SecondIdentity


def _no_step(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed object, ready to be written.

    ``log_index`` is None, and ``outbox_seq`` its number there, while it waits in an outbox.
    ``no_receipt`` says why the object carries none though its seal is logged: witnesses could not
    be reached, or the log's server no longer. `radseal log receipts` adds it later.
    ``signature_uid`` is that of the PS3.15 signature beside the seal, if one was asked for.
    """

    instance: Instance
    seal_id: bytes
    log_index: int | None
    mark: watermark.Marked | None
    unmarked: str | None
    notes: tuple[str, ...]
    rehearsal: watermark.Rehearsal | None = None
    volume: watermark.MarkedVolume | None = None
    terms: MarkTerms | None = None
    outbox_seq: int | None = None
    no_receipt: str | None = None
    signature_uid: str | None = None

    @property
    def weak(self) -> str | None:
        """Say what is wrong with a mark that did not read back through JPEG 50, or None."""
        return None if self.rehearsal is None else weakness(self.rehearsal)

    def to_bytes(self) -> bytes:
        """Return the Part 10 file."""
        return instance_bytes(self.instance)

    def write(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Write the file atomically; UsageError rather than replace one, unless told."""
        write_instance(self.instance, Path(path), overwrite=overwrite)


def seal(source: bytes | Path | str, *, device: Device, profile: str | None = None) -> Sealed:
    """Seal one DICOM object: mark its pixels, sign what it is, and log that.

    ``profile`` names the strength of the mark (`watermark.PROFILES`), "none" for no mark; by
    default the modality decides. Raises UnreadableError, SealError (which says why), or an error
    of the ledger, which has not taken the seal then, as far as is known: what it took is returned.
    """
    return seal_at_time(
        source, device=device, profile=profile, at=datetime.now(UTC), chance=Chance.draw()
    )


def seal_at_time(
    source: bytes | Path | str,
    *,
    device: Device,
    profile: str | None,
    at: datetime,
    chance: Chance,
    step: Step = _no_step,
    signer: DicomSigner | None = None,
) -> Sealed:
    """Seal with clock and random values given; ``step`` hears the name of each step done.

    ``signer`` puts a PS3.15 signature beside the seal, over the object as it is sealed.
    """
    instance = read_instance(Path(source) if isinstance(source, str) else source)
    if read_carrier(instance.dataset) is not None:
        raise SealError("the object carries a seal already", code="SE101")
    if signer is not None:
        signer.check(instance, at=at)  # what cannot be signed shall not be logged
    geometry = pixel_geometry(instance)
    step("read")
    marking = mark_instance(
        instance, geometry, device=device, profile=profile, chance=chance, step=step
    )
    header = hash_header(canonical_attributes(marking.instance.dataset), chance.header_seed)
    annex = Annex(
        salt=chance.salt,
        image=marking.tree,
        header=header,
        certificates=device.certificates,
        original=marking.original,
        descriptor=marking.descriptor,
    )
    body = body_of(annex, marking.terms, second=device.second)
    annexes = _Annexes(annex, device.second)
    step("header")
    signed_as = None
    if signer is not None:  # before the log: what cannot be timestamped shall not be logged either
        signed_as = signature_uid(chance.seal_id)
        sign_object(marking.instance, signer, uid=signed_as, at=at)
        step("sign PS3.15")
    entry = device.record(
        Event.SEALED,
        object_id=chance.seal_id,
        body=body.to_cbor(),
        at=at,
        annex=annexes.of,
        pseudonyms=tuple(
            pseudonyms(device.lookup_key, marking.instance.dataset, marking.image_roots)
        ),
    )
    step("sign and log")
    receipt, no_receipt = receipt_of(device, entry)
    restore = marking.restore_data
    carried = Carrier(entry.statement, annexes.last, receipt, restore)
    write_carrier(marking.instance.dataset, carried)
    step("carry")
    return Sealed(
        instance=marking.instance,
        seal_id=chance.seal_id,
        log_index=entry.index if isinstance(entry, Entry) else None,
        outbox_seq=entry.seq if isinstance(entry, Waiting) else None,
        no_receipt=no_receipt,
        signature_uid=signed_as,
        mark=marking.marked,
        unmarked=marking.unmarked,
        notes=instance.notes,
        rehearsal=marking.rehearsal,
        volume=marking.volume,
        terms=marking.terms,
    )


class _Annexes:
    """Encodes the annex once, or once for each statement that a second key signs, too."""

    def __init__(self, annex: Annex, second: SecondIdentity | None) -> None:
        self._annex = annex
        self._second = second
        self.last = annex.encode() if second is None else b""

    def of(self, statement: bytes) -> bytes:
        """Return the annex that goes with ``statement``, and keep it as the last."""
        if self._second is not None:
            signed = SecondSignature(self._second.signer.sign(statement), self._second.certificates)
            self.last = replace(self._annex, second=signed).encode()
        return self.last


def receipt_of(device: Device, entry: Entry | Waiting) -> tuple[bytes | None, str | None]:
    """Return the receipt, or why a seal that is logged has none: its object is never lost."""
    if isinstance(entry, Waiting):
        return None, None
    try:
        return device.receipt(entry), None
    except LedgerError as error:
        return None, str(error)


def body_of(
    annex: Annex,
    terms: MarkTerms | None,
    origin: Origin | None = None,
    *,
    second: SecondIdentity | None = None,
) -> BirthBody:
    """Return the body of the birth that commits to what ``annex`` opens."""
    return BirthBody(
        certificate=hashlib.sha256(annex.certificates[0]).digest(),
        commitment=commit_object(annex.salt, annex.root),
        original=commit_original(annex.original.salt, annex.original.root)
        if annex.original
        else None,
        mark=terms,
        descriptor=commit_descriptor(annex.salt, annex.descriptor) if annex.descriptor else None,
        origin=origin,
        second=second.signer.kid if second else None,
    )
