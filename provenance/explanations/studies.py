"""What findings mean: studies, whether they are whole."""

from collections.abc import Mapping

from provenance.explanations.explanation import NOTHING, QUARANTINE, Explanation
from provenance.findings import Code

_NOT_INSTANCES = "It does not say anything of the single images: their own verdicts do."

STUDIES: Mapping[str, Explanation] = {
    "COMPLETE": Explanation(
        "The study is what was closed: every listed instance, and no other image (exit code 0).",
        "Each instance has the seal that the manifest lists and verifies by itself; who closed "
        "the study is trusted, and the closing is in the log.",
        NOTHING,
        "It does not mean that the study was complete when it was closed: it says who answers "
        "for that.",
    ),
    "INCOMPLETE": Explanation(
        "Instances that the study was closed with are not here (exit code 19).",
        "The manifest lists them, and no file has their UIDs.",
        "Fetch the missing instances from the archive and verify again; do not read the study as "
        "whole.",
        "It does not mean that they were removed on purpose: a broken transfer leaves them out, "
        "too.",
    ),
    "DIFFERS": Explanation(
        "The study is not what was closed (exit code 10).",
        "Images are extra, exchanged, repeated or replaced, a listed one was altered or stripped, "
        "or the manifest itself does not hold. The findings name them.",
        QUARANTINE,
        "It does not say who did it; images that came late look like this until the study is "
        "closed again.",
    ),
    "NOT CLOSED": Explanation(
        "Nothing says what this study consists of (exit code 11).",
        "No closing is in the ledger that was asked, nor in a Key Object among the files.",
        "Ask the site that holds the study (--site), or have it closed: radseal study close.",
        "It does not mean that anything is missing.",
    ),
    "UNPROVEN": Explanation(
        "All that was listed is here, but not all of it verifies (the exit code is that of the "
        "gravest instance).",
        "At least one instance has a verdict of its own that is less than AUTHENTIC or CORRECTED.",
        "See the findings ST108, and radseal verify for the instance.",
        "It does not mean that the study is incomplete.",
    ),
    Code.STUDY_AS_LISTED: Explanation(
        "Every instance that was listed is here, and no other image.",
        "Seals and roots are those of the manifest.",
        NOTHING,
        "",
    ),
    Code.STUDY_MISSING: Explanation(
        "Instances are missing.",
        "The manifest lists them, and no file has their UIDs.",
        "Fetch them from the archive; see radseal trace with their UID.",
        _NOT_INSTANCES,
    ),
    Code.STUDY_EXTRA: Explanation(
        "Images are here that the manifest does not list.",
        "They came after the study was closed, or belong elsewhere. That each is authentic by "
        "itself does not make it part of this study.",
        "Ask where they come from; if they belong here, have the study closed again.",
        "It does not mean that they are fake.",
    ),
    Code.STUDY_REPEATED: Explanation(
        "An image is here more than once.",
        "Several files hold the same instance, or the same picture stands under another UID.",
        "Keep the listed one; ask who stored the other.",
        "Copies of one instance that all are as listed change no verdict.",
    ),
    Code.STUDY_SWAPPED: Explanation(
        "Instances have exchanged their places.",
        "One stands at the number or position of another listed one, or shows its picture.",
        QUARANTINE,
        _NOT_INSTANCES,
    ),
    Code.STUDY_REPLACED: Explanation(
        "What is under a listed UID is not what was listed.",
        "It has another seal, none, or was altered.",
        QUARANTINE,
        "It may be authentic by itself: a device that seals an instance again makes another seal.",
    ),
    Code.STUDY_NOT_CLOSED: Explanation(
        "No closing of this study was found.",
        "Nobody has closed it, or who has is not asked.",
        "Give --site, or the study's Key Object; or close it: radseal study close.",
        "It does not mean that anything is missing.",
    ),
    Code.STUDY_ADDED_LATER: Explanation(
        "Objects were added after the study was closed; none of them is an image.",
        "Presentation states, key objects, reports, segmentations, waveforms and documents may "
        "join a study at any time.",
        NOTHING,
        "It does not mean that they are proven: each has a verdict of its own.",
    ),
    Code.STUDY_INSTANCE: Explanation(
        "Instances have a verdict of their own that is less than AUTHENTIC or CORRECTED.",
        "A study is never better than the worst of what it consists of.",
        "See radseal verify for each.",
        "",
    ),
    Code.STUDY_LISTED_UNSEALED: Explanation(
        "Instances had no seal when the study was closed.",
        "Who closed it asked for that; their pixels and headers are bound by the manifest alone.",
        "Treat them as images without proof of origin.",
        "It does not mean that they changed since.",
    ),
    Code.CLOSED: Explanation(
        "The study was closed by somebody who is trusted to.",
        "Signature, manifest and certificate fit, and the certificate is that of an archivist.",
        NOTHING,
        "It does not mean that the list was right.",
    ),
    Code.CLOSING_SUPERSEDES: Explanation(
        "The study was closed more than once; the newest closing counts.",
        "Late images are added by closing again.",
        NOTHING,
        "",
    ),
    Code.CLOSING_SUPERSEDED: Explanation(
        "A Key Object at hand is not that of the newest closing.",
        "The study was closed again since, and the newer list is compared with.",
        "Have the newest Key Object sent, and keep the old one out of the study.",
        "It does not mean that anything was tampered with.",
    ),
    Code.CLOSING_BROKEN: Explanation(
        "A closing at hand does not hold.",
        "Its signature, its manifest or its format is not what it must be, or it is that of "
        "another study.",
        QUARANTINE,
        _NOT_INSTANCES,
    ),
    Code.CLOSER_UNTRUSTED: Explanation(
        "A closing does not count.",
        "Its signer is no archivist of the log, was revoked, or nobody trusted vouches for it.",
        "Ask the custodian who closed the study.",
        _NOT_INSTANCES,
    ),
    Code.CLOSING_NOT_LOGGED: Explanation(
        "Nothing shows that the closing is in the log, or the ledger hides one that was logged.",
        "It has no receipt, its receipt does not hold, or the receipt proves an entry that the "
        "ledger does not show.",
        "Ask the ledger (--site); if it hides an entry, keep the Key Object: it is the proof.",
        _NOT_INSTANCES,
    ),
    Code.CLOSING_NOT_KEPT: Explanation(
        "The manifest of the newest closing is not kept any more.",
        "It was erased, or something else was put in its place beside the log.",
        "Give the Key Object of that closing, or have the study closed again.",
        "It does not mean that anything is missing.",
    ),
    Code.KEY_OBJECT_DIFFERS: Explanation(
        "A Key Object refers to other instances than the manifest it carries.",
        "One of the two was changed after it was written.",
        QUARANTINE,
        _NOT_INSTANCES,
    ),
    Code.STUDY_MOVED: Explanation(
        "The study was closed under another Study Instance UID.",
        "Documented corrections have moved its images since, and their own records lead back to "
        "the UID that was signed.",
        "Nothing needs to be done; closing it again lets it be found by its present UID.",
        "It does not mean that the move was right: the corrections say who answers for it.",
    ),
    Code.STUDY_LEDGER_UNREACHABLE: Explanation(
        "The ledger that was asked for the study's closing could not be read.",
        "What it would have said is unknown.",
        "Repair or reach the ledger, and verify again.",
        "It does not mean that the study was not closed.",
    ),
}

# Of the words that images and studies share, what they mean for a study.
_OF_STUDIES: Mapping[str, Explanation] = {
    "UNTRUSTED": Explanation(
        "The study was closed, but there is no reason to believe who closed it.",
        "The signer is no archivist of the log, was revoked, nobody trusted vouches for it, or "
        "the ledger that was asked and the Key Object contradict each other.",
        "Ask the custodian who closed the study; keep the Key Object.",
        _NOT_INSTANCES,
    ),
    "NOT CHECKED": Explanation(
        "Something that is needed to judge the study could not be reached.",
        "The list is not kept any more, the ledger could not be read, nothing shows that the "
        "closing was logged, or an instance could not be checked.",
        "Ask the ledger (--site), or give the Key Object of the newest closing.",
        "It does not mean that anything is missing.",
    ),
}


def study_explanation(word: str) -> Explanation:
    """Return what a verdict means for a study."""
    return _OF_STUDIES.get(word) or STUDIES[word]
