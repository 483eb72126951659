"""radseal: proof of origin for medical images. Seal at the device, verify anywhere.

Names are loaded when they are first used (PEP 562), so that a command which needs no image
library starts without one.
"""

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING

from provenance._install import check_siblings

if TYPE_CHECKING:
    from provenance.correcting.correct import Corrected, correct
    from provenance.correcting.correction import Reason
    from provenance.derivation.derive import Derived, derive
    from provenance.errors import (
        EvidenceError,
        EvidenceMissingError,
        KeyUnavailableError,
        MalformedError,
        NotProvenError,
        PolicyError,
        RadsealError,
        SealError,
        TrustError,
        UnreadableError,
        UsageError,
    )
    from provenance.judging.verdict import Check, Outcome, Status, Verdict, Word
    from provenance.marks.restore import Restored, restore
    from provenance.policy.decide import Decision
    from provenance.policy.facts import Arrival, Facts
    from provenance.policy.load import load_policy
    from provenance.policy.policy import AcceptancePolicy
    from provenance.policy.terms import Action
    from provenance.records import Records
    from provenance.sealing.seal import Sealed, seal
    from provenance.site.device import Device
    from provenance.site.site import Site
    from provenance.study.close import ClosedStudy, close_study
    from provenance.study.verdict import StudyVerdict, StudyWord
    from provenance.study.verify import Studies, verify_study
    from provenance.trust.store import TrustStore
    from provenance.verifying.admit import Admission, admit
    from provenance.verifying.verify import verify

__radseal__ = "radseal/1"
__version__ = "0.1.0"

__all__ = [
    "AcceptancePolicy",
    "Action",
    "Admission",
    "Arrival",
    "Check",
    "ClosedStudy",
    "Corrected",
    "Decision",
    "Derived",
    "Device",
    "EvidenceError",
    "EvidenceMissingError",
    "Facts",
    "KeyUnavailableError",
    "MalformedError",
    "NotProvenError",
    "Outcome",
    "PolicyError",
    "RadsealError",
    "Reason",
    "Records",
    "Restored",
    "SealError",
    "Sealed",
    "Site",
    "Status",
    "Studies",
    "StudyVerdict",
    "StudyWord",
    "TrustError",
    "TrustStore",
    "UnreadableError",
    "UsageError",
    "Verdict",
    "Word",
    "admit",
    "close_study",
    "correct",
    "derive",
    "load_policy",
    "restore",
    "seal",
    "verify",
    "verify_study",
]

_HOMES: Mapping[str, tuple[str, ...]] = {
    "provenance.verifying.admit": ("Admission", "admit"),
    "provenance.correcting.correct": ("Corrected", "correct"),
    "provenance.correcting.correction": ("Reason",),
    "provenance.derivation.derive": ("Derived", "derive"),
    "provenance.site.device": ("Device",),
    "provenance.errors": (
        "EvidenceError",
        "EvidenceMissingError",
        "KeyUnavailableError",
        "MalformedError",
        "NotProvenError",
        "PolicyError",
        "RadsealError",
        "SealError",
        "TrustError",
        "UnreadableError",
        "UsageError",
    ),
    "provenance.policy.decide": ("Decision",),
    "provenance.policy.facts": ("Arrival", "Facts"),
    "provenance.policy.load": ("load_policy",),
    "provenance.policy.policy": ("AcceptancePolicy",),
    "provenance.policy.terms": ("Action",),
    "provenance.records": ("Records",),
    "provenance.marks.restore": ("Restored", "restore"),
    "provenance.sealing.seal": ("Sealed", "seal"),
    "provenance.site.site": ("Site",),
    "provenance.study.close": ("ClosedStudy", "close_study"),
    "provenance.study.verdict": ("StudyVerdict", "StudyWord"),
    "provenance.study.verify": ("Studies", "verify_study"),
    "provenance.trust.store": ("TrustStore",),
    "provenance.judging.verdict": ("Check", "Outcome", "Status", "Verdict", "Word"),
    "provenance.verifying.verify": ("verify",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
# Functions that bear the name of their module.
_VERBS = frozenset({"admit", "correct", "derive", "restore", "seal", "verify"})


class _Package(ModuleType):
    """This package. `provenance.seal` is the function, whoever imported the module of that name."""

    def __setattr__(self, name: str, value: object) -> None:
        # The import system binds a submodule to its package when it has run.
        if name in _VERBS and isinstance(value, ModuleType):
            value = vars(value)[name]
        super().__setattr__(name, value)


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = vars(importlib.import_module(home))[name]
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Package
check_siblings()
