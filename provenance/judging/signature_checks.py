"""What the digital signatures (PS3.15) of an object come to, as checks. None decides a verdict."""

from collections.abc import Iterator

from provenance.dicom.attribute_table import Group
from provenance.findings import Code
from provenance.judging.verdict import Check, Status
from provenance.ps315.examine import PIXELS, DigitalSignature, DigitalSignatures, State, Unsigned
from provenance.ps315.timestamps import SignatureTimestamp, TimestampState

ID = "ps315"
# groups of attributes that decide whose image it is and how it is read
_GRAVE = (PIXELS, Group.INSTANCE, Group.IDENTITY, Group.GEOMETRY, Group.DISPLAY)


def signature_checks(signatures: DigitalSignatures | None) -> Iterator[Check]:
    """Yield the checks of every signature; nothing for an object that has none."""
    if signatures is None:
        return
    if signatures.problem is not None:
        yield Check(ID, Status.SKIP, Code.SIGNATURE_NOT_CHECKED, signatures.problem)
    for signature in signatures.found:
        yield from _checks(signature)
    if signatures.unexamined:
        detail = f"{signatures.unexamined} more signature(s) were not looked at"
        yield Check(ID, Status.SKIP, Code.SIGNATURE_NOT_CHECKED, detail)
    for place in signatures.stripped:
        where = f" in {place}" if place else ""
        detail = f"MAC parameters without their signature{where}"
        yield Check(ID, Status.WARN, Code.SIGNATURE_STRIPPED, detail)


def _checks(signature: DigitalSignature) -> Iterator[Check]:
    match signature.state:
        case State.VALID:
            yield Check(ID, Status.PASS, Code.SIGNATURE_VALID, _valid(signature))
        case State.BROKEN:
            detail = f"{_name(signature)}: {signature.reason}"
            yield Check(ID, Status.WARN, Code.SIGNATURE_BROKEN, detail)
        case State.NOT_CHECKED:
            detail = f"{_name(signature)}: {signature.reason}"
            yield Check(ID, Status.SKIP, Code.SIGNATURE_NOT_CHECKED, detail)
    if signature.weaknesses:
        detail = f"{_name(signature)}: {'; '.join(signature.weaknesses)}"
        yield Check(ID, Status.WARN, Code.SIGNATURE_WEAK, detail)
    if signature.timestamp is not None:
        yield _timestamp_check(signature, signature.timestamp)
    left_out = [each for each in signature.unsigned if each.group in _GRAVE]
    if left_out:
        detail = f"{_name(signature)} does not cover {', '.join(map(_named, left_out))}"
        yield Check(ID, Status.WARN, Code.SIGNATURE_LEAVES_OUT, detail)


_TIMESTAMPS = {
    TimestampState.VERIFIED: (Status.PASS, Code.TIMESTAMP_VERIFIED),
    TimestampState.BROKEN: (Status.WARN, Code.TIMESTAMP_BROKEN),
    TimestampState.UNTRUSTED: (Status.WARN, Code.TIMESTAMP_UNTRUSTED),
    TimestampState.NOT_CHECKED: (Status.SKIP, Code.TIMESTAMP_NOT_CHECKED),
}


def _timestamp_check(signature: DigitalSignature, found: SignatureTimestamp) -> Check:
    status, code = _TIMESTAMPS[found.state]
    detail = f"timestamp of the {_name(signature)}: {found.reason}"
    if found.time is not None:
        detail = f"{_name(signature)} existed at {found.time:%Y-%m-%d %H:%M:%SZ}, says {found.tsa}"
    return Check(ID, status, code, detail)


def _name(signature: DigitalSignature) -> str:
    by = "" if signature.signer is None else f" by {signature.signer}"
    where = f" in {signature.place}" if signature.place else ""
    return f"signature{by}{where}"


def _valid(signature: DigitalSignature) -> str:
    parts = [f"{_name(signature)} verifies, {signature.key}, {signature.algorithm}"]
    if signature.signed_at is not None:
        parts.append(f"{signature.signed_at:%Y-%m-%d %H:%M:%SZ} by its own clock")
    if signature.profiles:
        parts.append(f"meets {', '.join(signature.profiles)}")
    if signature.lacking:
        parts.append(f"not creator, which wants {_few(signature.lacking)}")
    return "; ".join(parts)


def _named(unsigned: Unsigned) -> str:
    return f"{unsigned.group} ({_few(unsigned.keywords)})"


def _few(keywords: tuple[str, ...], most: int = 4) -> str:
    rest = len(keywords) - most
    return ", ".join(keywords[:most]) + (f" and {rest} more" if rest > 0 else "")
