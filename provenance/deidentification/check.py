"""Hold a de-identified copy against its original: all that de-identification must have done."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from provenance.deidentification.clinical import ClinicalChange, clinical_changes
from provenance.deidentification.elements import Place
from provenance.deidentification.identity import (
    denies_removal,
    not_renewed,
    shows_text,
    unchanged,
)
from provenance.deidentification.residue import nested_residue
from provenance.deidentification.search import Remain, search
from provenance.deidentification.traces import traces_of
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.instance import Instance
from provenance.errors import SealError

IDENTITY_REMAINS, NOT_ANOTHER, CLINICAL_CHANGED = "SE501", "SE502", "SE503"
MOST_NAMED = 12
_NEVER_KEPT = frozenset({0x00080018, 0x0020000D, 0x0020000E})


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the de-identifier answers for by name: identity that stays, clinical values that go."""

    keep: frozenset[int] = frozenset()
    changed: frozenset[int] = frozenset()
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What of the allowances was made use of: this is declared, and nothing more."""

    kept: tuple[int, ...]
    changed: tuple[int, ...]


class IdentityRemainsError(SealError):
    """The copy still leads back to the original; ``remains`` says where, never with what."""

    def __init__(self, remains: Sequence[Remain]) -> None:
        places = [f"{each.place}: {each.what}" for each in remains]
        super().__init__(
            f"{len(remains)} attribute(s) lead back to the original: {_named(places)}",
            code=IDENTITY_REMAINS,
        )
        self.remains = tuple(remains)


def check_copy(
    original: Instance, copy: Instance, *, allowed: Allowed, seal: Iterable[bytes] = ()
) -> Checked:
    """Return what was allowed and needed; SealError, which says where, for everything else.

    ``seal`` are parts of the original's seal and annex, to be found nowhere in the copy.
    """
    before = canonical_attributes(original.dataset)
    now = canonical_attributes(copy.dataset)
    if same := not_renewed(before, now):
        raise SealError(
            f"the copy must be an instance of its own: {', '.join(same)} not new", code=NOT_ANOTHER
        )
    if denies_removal(now):
        raise SealError(
            "the copy says Patient Identity Removed (0012,0062) NO", code=IDENTITY_REMAINS
        )
    traces = traces_of(original, seal)
    remains: dict[Place, Remain] = {}
    for each in (
        *unchanged(before, now),
        *shows_text(now),
        *nested_residue(copy),
        *search(copy, traces),
    ):
        remains.setdefault(each.place, each)
    open_ones = [r for r in remains.values() if not _is_kept(r, allowed.keep)]
    if open_ones:
        raise IdentityRemainsError(sorted(open_ones, key=_in_order))
    changes = clinical_changes(before, now, redacted=allowed.redacted)
    _require_declared(changes, allowed.changed)
    kept = {tag for r in remains.values() for tag in r.place.tags if tag in allowed.keep}
    return Checked(tuple(sorted(kept)), tuple(each.tag for each in changes))


def _is_kept(remain: Remain, keep: Collection[int]) -> bool:
    """Whether its attribute, or a sequence around it, may stay; the instance's own UIDs never."""
    place = remain.place
    if place.tag in _NEVER_KEPT and not place.sequences:
        return False
    return any(tag in keep for tag in place.tags)


def _require_declared(changes: Sequence[ClinicalChange], declared: Collection[int]) -> None:
    wrong = [each for each in changes if each.fixed or each.tag not in declared]
    if not wrong:
        return
    named = [f"{each.keyword} {each.kind}" for each in wrong]
    raise SealError(
        f"the copy says something else of the picture: {_named(named)}", code=CLINICAL_CHANGED
    )


def _in_order(remain: Remain) -> tuple[object, ...]:
    return (*(tag for tag, _ in remain.place.sequences), remain.place.tag)


def _named(words: Sequence[str]) -> str:
    more = len(words) - MOST_NAMED
    return "; ".join(words[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
