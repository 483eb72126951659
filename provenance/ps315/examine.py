"""Look at every digital signature of an object. Whatever is wrong becomes a value, never an error.

Says what each signature proves and what it leaves open; who may sign is nobody's business here:
certificates of signers are not traced to an authority, those of timestamps are.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from ledger import TimestampAnchors
from provenance.dicom.attribute_table import Group, attribute_table
from provenance.dicom.instance import Instance
from provenance.dicom.items import Item
from provenance.dicom.syntax import DEFLATED, EXPLICIT_LITTLE, SYNTAXES
from provenance.errors import (
    EvidenceError,
    EvidenceMissingError,
    MalformedError,
    SealError,
    UnreadableError,
)
from provenance.ps315.algorithms import (
    LEAST_RSA_BITS,
    MacAlgorithm,
    der_value,
    key_words,
    mac_of,
    verify_mac,
)
from provenance.ps315.elements import PIXEL_DATA, Dataset, read_dataset, readings, tag_words
from provenance.ps315.mac_stream import mac_stream, may_be_signed
from provenance.ps315.profiles import Profile, required_tags
from provenance.ps315.signature_items import (
    X509,
    MacParameters,
    Place,
    SignatureItem,
    places,
    surely_none_in,
)
from provenance.ps315.timestamps import (
    NOBODY,
    SignatureTimestamp,
    examine_timestamp,
)
from provenance.trust.certificates import certificate_name, load_certificate

MAX_SIGNATURES = 16  # each hashes the object once; more are counted, and not looked at
_DATE_TIME = re.compile(r"(\d{14})(?:\.(\d{1,6}))?([+-]\d{4})?")
PIXELS, ENCODING = "pixels", "encoding"
CLOCKS = timedelta(minutes=5)  # by which the signer's and the TSA's may differ


class State(StrEnum):
    """What became of one signature."""

    VALID = "valid"
    BROKEN = "broken"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Unsigned:
    """Attributes of one group that are in the object and that the signature does not cover."""

    group: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DigitalSignature:
    """One signature: where it stands, what became of it, and what it says of itself.

    ``profiles`` are the profiles it meets, ``lacking`` what Creator RSA would want signed in
    addition. ``place`` is empty at the top level of the object.
    """

    place: str
    state: State
    reason: str = ""
    uid: str | None = None
    signer: str | None = None
    signed_at: datetime | None = None
    algorithm: str | None = None
    key: str | None = None
    profiles: tuple[Profile, ...] = ()
    lacking: tuple[str, ...] = ()
    weaknesses: tuple[str, ...] = ()
    unsigned: tuple[Unsigned, ...] = ()
    timestamp: SignatureTimestamp | None = None


@dataclass(frozen=True, slots=True)
class DigitalSignatures:
    """All signatures of an object; ``stripped``: places with MAC parameters of none.

    ``unexamined`` counts signatures beyond the limit, ``problem`` says why none could be read.
    """

    found: tuple[DigitalSignature, ...] = ()
    stripped: tuple[str, ...] = ()
    unexamined: int = 0
    problem: str | None = None


def examine_signatures(instance: Instance, anchors: TimestampAnchors = NOBODY) -> DigitalSignatures:
    """Verify every signature of the object, at its top level and in its sequences.

    Timestamps count if one of ``anchors`` vouches for their TSA.
    """
    if surely_none_in(instance):
        return DigitalSignatures()
    try:
        dataset = read_dataset(instance)
        found: list[DigitalSignature] = []
        stripped: list[str] = []
        unexamined = 0
        for place in places(dataset):
            room = MAX_SIGNATURES - len(found)
            here, lost, more = _examine_place(place, dataset, room, anchors)
            found += here
            unexamined += more
            if lost and len(stripped) < MAX_SIGNATURES:
                stripped.append(place.path)
    except (SealError, UnreadableError, EvidenceError) as error:
        return DigitalSignatures(problem=str(error))
    return DigitalSignatures(tuple(found), tuple(stripped), unexamined)


def _examine_place(
    place: Place, dataset: Dataset, room: int, anchors: TimestampAnchors
) -> tuple[list[DigitalSignature], bool, int]:
    """Return the signatures of one place, whether parameters are left over, and how many more."""
    try:
        parameters, items = place.parameters(), place.signatures()
    except MalformedError as error:
        if room <= 0:
            return [], False, 1
        return [DigitalSignature(place.path, State.NOT_CHECKED, str(error))], False, 0
    known, broken = _parameters(parameters)
    used: set[int] = set()
    found: list[DigitalSignature] = []
    for item in items[: max(room, 0)]:
        try:
            signature = SignatureItem.read(item)
        except MalformedError as error:
            found.append(DigitalSignature(place.path, State.NOT_CHECKED, str(error)))
            continue
        used.add(signature.mac_id)
        why = broken or "its MAC parameters are missing"
        one = _examine(place, signature, known.get(signature.mac_id), dataset, why)
        found.append(_with_timestamp(one, signature, anchors))
    more = len(items) - max(min(room, len(items)), 0)
    left_over = bool(parameters) and not items
    if not more and all(each.uid is not None for each in found):
        left_over = left_over or bool(known.keys() - used)
    return found, left_over, more


def _parameters(items: Iterable[Item]) -> tuple[dict[int, MacParameters], str]:
    """Return MAC parameters by number, and what was wrong with those that are none."""
    known: dict[int, MacParameters] = {}
    twice: set[int] = set()
    broken = ""
    for item in items:
        try:
            read = MacParameters.read(item)
        except MalformedError as error:
            broken = str(error)
            continue
        if read.mac_id in known:
            twice.add(read.mac_id)
            broken = f"two MAC parameters have the number {read.mac_id}"
        known[read.mac_id] = read
    return {number: each for number, each in known.items() if number not in twice}, broken


def _examine(
    place: Place,
    signature: SignatureItem,
    parameters: MacParameters | None,
    dataset: Dataset,
    why: str,
) -> DigitalSignature:
    report = DigitalSignature(
        place.path, State.NOT_CHECKED, why, uid=signature.uid, signed_at=_moment(signature)
    )
    if parameters is None:
        return report
    certificate: x509.Certificate | None = None
    try:
        if signature.certificate_type != X509:
            raise EvidenceMissingError("the certificate is of a type that is not known")
        certificate = load_certificate(der_value(signature.certificate))
        _check(place, signature, parameters, certificate, dataset)
        state, reason = State.VALID, ""
    except (EvidenceMissingError, MalformedError, UnreadableError) as error:
        state, reason = State.NOT_CHECKED, str(error)
    except EvidenceError as error:
        state, reason = State.BROKEN, str(error)
    report = replace(report, state=state, reason=reason)
    return _described(report, place, signature, parameters, certificate)


def _check(
    place: Place,
    signature: SignatureItem,
    parameters: MacParameters,
    certificate: x509.Certificate,
    dataset: Dataset,
) -> None:
    """Return only if the signature is that of what stands here (PS3.3 C.12.1.1.3.1)."""
    if parameters.algorithm not in set(MacAlgorithm):
        raise EvidenceMissingError(f"the MAC algorithm {parameters.algorithm} is not known")
    if (bad := next((t for t in parameters.tags if not may_be_signed(t)), None)) is not None:
        raise MalformedError(f"{tag_words(bad)} cannot be signed")
    _check_syntax(parameters, dataset)
    algorithm, key = MacAlgorithm(parameters.algorithm), certificate.public_key()
    broken: EvidenceError | None = None
    for reading in readings(dataset):
        stream = mac_stream(place.elements, parameters.tags, signature.item, reading)
        try:
            verify_mac(signature.signature, mac_of(stream, algorithm), algorithm, key)
        except MalformedError:
            raise
        except EvidenceError as error:
            broken = broken or error
        else:
            return
    assert broken is not None
    raise broken


def _check_syntax(parameters: MacParameters, dataset: Dataset) -> None:
    """Raise EvidenceMissingError where the pixels are no longer encoded as they were signed."""
    stated = SYNTAXES.get(parameters.transfer_syntax)
    native = parameters.transfer_syntax in (EXPLICIT_LITTLE, DEFLATED)  # DCMTK names the latter
    if not native and (stated is None or not stated.encapsulated):
        raise EvidenceMissingError(
            f"no MAC is calculated in transfer syntax {parameters.transfer_syntax}"
        )
    if PIXEL_DATA not in parameters.tags:
        return
    same = dataset.transfer_syntax == parameters.transfer_syntax
    if not (same if dataset.encapsulated else native):
        raise EvidenceMissingError(
            "the pixels were transcoded since: it verifies on the object as it was signed"
        )


def _described(
    report: DigitalSignature,
    place: Place,
    signature: SignatureItem,
    parameters: MacParameters,
    certificate: x509.Certificate | None,
) -> DigitalSignature:
    """Add what the signature says of itself, and, if it is valid, what it covers."""
    key = None if certificate is None else certificate.public_key()
    report = replace(
        report,
        signer=None if certificate is None else certificate_name(certificate),
        algorithm=parameters.algorithm,
        key=None if key is None else key_words(key),
        weaknesses=tuple(_weaknesses(report, signature, parameters, certificate)),
    )
    if report.state is not State.VALID:
        return report
    is_rsa = isinstance(key, rsa.RSAPublicKey)
    if place.path:  # the other profiles are about objects, not about items
        return replace(report, profiles=(Profile.BASE,) if is_rsa else ())
    covered = frozenset(tag for tag in parameters.tags if tag in place.elements)
    present = frozenset(tag for tag in place.elements if may_be_signed(tag))
    report = replace(report, unsigned=_unsigned(present - covered))
    if not is_rsa:
        return report
    lacking = required_tags(Profile.CREATOR, present) - covered
    return replace(
        report,
        profiles=tuple(p for p in Profile if p.only_rsa and required_tags(p, present) <= covered),
        lacking=tuple(_keyword(tag) for tag in sorted(lacking)),
    )


def _weaknesses(
    report: DigitalSignature,
    signature: SignatureItem,
    parameters: MacParameters,
    certificate: x509.Certificate | None,
) -> Iterable[str]:
    if parameters.algorithm in set(MacAlgorithm) and MacAlgorithm(parameters.algorithm).weak:
        yield f"{parameters.algorithm} is a weak hash"
    if certificate is not None:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
            yield f"an RSA key of {key.key_size} bits is short"
        at = report.signed_at
        if at is None:
            yield "it claims no time that can be read"
        # both have whole seconds at best: a certificate made in the same second was valid
        elif not (
            certificate.not_valid_before_utc
            <= at.replace(microsecond=0)
            <= certificate.not_valid_after_utc
        ):
            yield "its certificate was not valid at the time it claims"


def _with_timestamp(
    report: DigitalSignature, signature: SignatureItem, anchors: TimestampAnchors
) -> DigitalSignature:
    """Add what the timestamp shows, and where the signature does not fit it."""
    try:
        certificate = load_certificate(der_value(signature.certificate))
    except (EvidenceError, MalformedError):
        certificate = None
    key = None if certificate is None else certificate.public_key()
    found = examine_timestamp(signature, key, anchors)
    if found is None or found.time is None or certificate is None:
        return replace(report, timestamp=found)
    weaknesses = list(report.weaknesses)
    latest = found.time + found.accuracy
    if report.signed_at is not None and report.signed_at > latest + CLOCKS:
        weaknesses.append("it claims to have been made after its timestamp")
    if not certificate.not_valid_before_utc <= latest or (
        found.time > certificate.not_valid_after_utc
    ):
        weaknesses.append("its certificate was not valid when it was timestamped")
    return replace(report, timestamp=found, weaknesses=tuple(weaknesses))


def _moment(signature: SignatureItem) -> datetime | None:
    """Return (0400,0105) as a time, or None when it is not one with its offset from UTC."""
    match = _DATE_TIME.fullmatch(signature.signed_at)
    if match is None or match[3] is None:
        return None
    hours, minutes = int(match[3][1:3]), int(match[3][3:])
    if minutes > 59 or hours > 14:
        return None
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if match[3][0] == "-" else 1)
    try:
        local = datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=timezone(offset))
        exact = local.replace(microsecond=int((match[2] or "0").ljust(6, "0")))
        return exact.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _unsigned(tags: Iterable[int]) -> tuple[Unsigned, ...]:
    groups: dict[str, list[str]] = {}
    for tag in sorted(tags):
        groups.setdefault(_group(tag), []).append(_keyword(tag))
    order = [PIXELS, *(group.value for group in Group), ENCODING]
    return tuple(Unsigned(name, tuple(groups[name])) for name in order if name in groups)


def _group(tag: int) -> str:
    if tag >> 16 == PIXEL_DATA >> 16:
        return PIXELS
    if tag >> 16 & 1:
        return Group.PRIVATE.value
    if tag in attribute_table().encoding:
        return ENCODING
    return attribute_table().describe(tag).group.value


def _keyword(tag: int) -> str:
    return attribute_table().describe(tag).keyword if not tag >> 16 & 1 else tag_words(tag)
