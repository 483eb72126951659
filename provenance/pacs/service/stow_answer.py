"""What a STOW-RS request is answered (PS3.18, 10.5.3): per instance, and as a whole. Pure.

An object in quarantine is on disk here and nothing loses it, so it was stored; a warning says that
readers do not see it yet. Sent once more it would be the same object.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from provenance.pacs.arrivals import Instance, Kept, State
from provenance.pacs.dimse.statuses import REFUSED, TOO_LARGE
from provenance.policy.terms import Action


class Reason(IntEnum):
    """Why an instance was not stored, (0008,1197), beside those of verdicts (statuses.REFUSED)."""

    FAILED = 0x0110
    NO_ROOM = 0xA700
    NOT_UNDERSTOOD = 0xC000
    OTHER_STUDY = 0xC002
    TOO_LARGE = TOO_LARGE


REASONS: Mapping[int, str] = {
    Reason.FAILED: "the service failed: send it again",
    Reason.NO_ROOM: "the disk is full: send it again later",
    Reason.NOT_UNDERSTOOD: "the part is no DICOM file that names its class and instance",
    Reason.OTHER_STUDY: "the instance is not of the study in the path",
    **{code: f"the policy refuses it; the verdict is {word}" for word, code in REFUSED.items()},
    Reason.TOO_LARGE: "the instance is larger than one may be: sending it again changes nothing",
}
WARNING_HELD = 0xB0F1
"""(0008,1196): it is in quarantine, not in the archive, until persons release it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one part: stored, with a ``warning`` or without, or a ``failure``."""

    instance: Instance
    failure: int | None = None
    warning: int | None = None


def outcome_of(kept: Kept) -> Outcome:
    """Return what to say of an object that was taken in, or refused."""
    if kept.judged.action is Action.REFUSE or kept.state is State.REFUSED:
        return Outcome(kept.instance, failure=REFUSED[kept.judged.word])
    if kept.state is State.QUARANTINED:
        return Outcome(kept.instance, warning=WARNING_HELD)
    return Outcome(kept.instance)


def status_of(outcomes: Sequence[Outcome]) -> int:
    """Return 200 if all were stored, 409 if none was, else 202 (PS3.18, table 10.5.3-1)."""
    failed = sum(each.failure is not None for each in outcomes)
    if failed == len(outcomes):
        return 409
    warned = any(each.warning is not None for each in outcomes)
    return 202 if failed or warned else 200


def dataset_of(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Return the response's dataset in the DICOM JSON model (PS3.18, annex F and table 10.5.3-2).

    What cannot be named stands in Other Failures Sequence.
    """
    stored = [_item(each, "00081196", each.warning) for each in outcomes if each.failure is None]
    failed = [each for each in outcomes if each.failure is not None]
    named = [_item(each, "00081197", each.failure) for each in failed if _is_named(each)]
    other = [_reason("00081197", each.failure) for each in failed if not _is_named(each)]
    sequences = {"00081198": named, "00081199": stored, "0008119A": other}
    return {tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items}


def _is_named(outcome: Outcome) -> bool:
    return bool(outcome.instance.sop_class and outcome.instance.sop_instance)


def _item(outcome: Outcome, tag: str, reason: int | None) -> dict[str, object]:
    uids = {"00081150": outcome.instance.sop_class, "00081155": outcome.instance.sop_instance}
    item: dict[str, object] = {tag: {"vr": "UI", "Value": [uid]} for tag, uid in uids.items()}
    return item | _reason(tag, reason)


def _reason(tag: str, reason: int | None) -> dict[str, object]:
    return {} if reason is None else {tag: {"vr": "US", "Value": [reason]}}
