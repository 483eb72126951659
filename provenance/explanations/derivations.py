"""What findings mean: copies that were made on purpose, and their parents."""

from collections.abc import Mapping

from provenance.explanations.explanation import QUARANTINE, Explanation
from provenance.findings import Code

DERIVATIONS: Mapping[str, Explanation] = {
    Code.DERIVED_COPY: Explanation(
        "The object is a copy that somebody made on purpose and signed.",
        "Its own statement says of what kind it is, and names its parents.",
        "Nothing; fetch the parents when the copy does not show enough (radseal trace).",
        "It does not mean that the copy shows all that the parents show.",
    ),
    Code.FRAMES_PROVEN: Explanation(
        "Frames of the copy are sample by sample what the parents' signers signed.",
        "Hashed again as the parent has them, they lead to the commitment in its own statement.",
        "Nothing.",
        "It says nothing of the copy's header, nor of frames that were left out.",
    ),
    Code.FRAMES_IN_PART: Explanation(
        "Frames of the copy are those of a parent but for the named regions.",
        "The other tiles lead to what the parent's signer signed; these were changed on purpose, "
        "as when burned-in text is blacked out.",
        "Look at the regions: they are what the maker of the copy answers for.",
        "It does not mean that the change was right, or that it hides nothing of the image.",
    ),
    Code.DERIVERS_WORD: Explanation(
        "That the copy shows what its parents show rests on the word of who made it.",
        "The samples differ (lossy, cut, windowed), so no signature of the parents covers them.",
        "Believe it as far as you believe the signer; fetch the parents when detail matters.",
        "It does not mean that the copy is wrong: it was compared when it was made.",
    ),
    Code.PARENT_UNKNOWN: Explanation(
        "No trusted authority vouches for who signed a parent.",
        "Its certificate leads to no root in the trust store, or is of a role that may not.",
        "Ask where the parent comes from, and add its site's root if you trust it.",
        "It does not mean that the parent is forged.",
    ),
    Code.PARENT_REVOKED: Explanation(
        "The key that signed a parent did not stand in the log.",
        "It was revoked before the parent was logged, or was never added.",
        "Ask the site of the parent for an original whose key stands.",
        "It does not mean that the maker of the copy did wrong.",
    ),
    Code.PARENT_NOT_LOGGED: Explanation(
        "The ledger that was asked does not hold a parent.",
        "It was logged elsewhere, has not been synced yet, was pruned, or another came first.",
        "Ask the site that sealed the parent.",
        "Its signature holds all the same: the copy shows the parent's own statement.",
    ),
    Code.PARENT_ERASED: Explanation(
        "A parent was erased.",
        "Its erasure is in the log; what was kept about it is destroyed.",
        "Ask whether its copies should have been erased with it: each is erased for itself.",
        "It does not mean that the copy is wrong.",
    ),
    Code.POSES_AS_ORIGINAL: Explanation(
        "The copy has the SOP Instance UID of an original.",
        "A parent's signed header names it, or the ledger that was asked knows that instance as "
        "one that a device has sealed; a copy is an instance of its own (PS3.3 C.12.4).",
        QUARANTINE,
        "It does not say which of the two a reader has seen under this UID.",
    ),
    Code.PARENT_SEEN: Explanation(
        "A parent's own statement holds, and its signer is trusted.",
        "The copy shows the statement and what opens it; the signature verifies.",
        "Nothing.",
        "It does not mean that the parent is still there, or was never corrected.",
    ),
}
