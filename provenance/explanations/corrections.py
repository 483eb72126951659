"""What findings mean: corrections of the header."""

from collections.abc import Mapping

from provenance.explanations.explanation import NOTHING, Explanation
from provenance.findings import Code

CORRECTIONS: Mapping[str, Explanation] = {
    Code.CORRECTION: Explanation(
        "The ledger holds a correction of this object that counts.",
        "Its signer may correct, was in force, and is vouched for; it follows on the one before.",
        NOTHING,
        "",
    ),
    Code.CORRECTION_REFUSED: Explanation(
        "The ledger holds a correction that does not count.",
        "Its signer may not correct, or is not vouched for, or it does not follow on what was "
        "there, or it touches what may not be corrected.",
        "Ask the custodian who made it; have it made again by a person who may.",
        "It does not mean that the pixels were changed.",
    ),
    Code.CORRECTION_NOT_SHOWN: Explanation(
        "The ledger holds a correction whose values cannot be shown any more.",
        "What opens it was erased with the object, or replaced: nothing documents the change.",
        "Ask the custodian whether the object was erased.",
        "It does not mean that the change is wrong.",
    ),
    Code.CORRECTION_NEWER: Explanation(
        "The ledger holds a newer correction of these attributes, which this copy does not carry.",
        "The copy was made before, or the correction was never written into a file.",
        "Ask for the corrected object; if there is none, run radseal correct again.",
        "It does not mean that the copy was tampered with.",
    ),
    Code.RECORDED_IN_FILE: Explanation(
        "The object's own Original Attributes Sequence leads back to what was signed.",
        "Someone recorded the old values in the file (PS3.3 C.12.1.1.9); anyone can write that.",
        "Ask the ledger (--site), or have the correction logged: radseal correct.",
        "It does not mean that the change was authorised, nor that it was not.",
    ),
}
