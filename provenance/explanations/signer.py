"""What findings mean: who signed, and when."""

from collections.abc import Mapping

from provenance.explanations.explanation import NOTHING, Explanation
from provenance.findings import Code

SIGNER: Mapping[str, Explanation] = {
    Code.SIGNER_TRUSTED: Explanation(
        "A trusted authority vouches for the signer at the time of signing.", "", NOTHING, ""
    ),
    Code.SIGNER_UNKNOWN: Explanation(
        "No trusted authority vouches for the signer.",
        "The certificate leads to no trusted root, was not valid when it signed, or is for "
        "another role.",
        "Ask the site that sealed the image for its trust folder over a channel you trust.",
        "It does not mean that the image was changed.",
    ),
    Code.KEY_REVOKED: Explanation(
        "The signer's key did not stand when the seal was logged.",
        "The log shows it revoked, or not yet added, at that index.",
        "Ask the custodian why the key was revoked.",
        "",
    ),
    Code.CLOCK_AHEAD: Explanation(
        "The seal claims a time later than the log saw it.",
        "The device's clock ran ahead by more than a day, or the time is false.",
        "Have the device's clock checked.",
        "It does not mean that the image was changed.",
    ),
    Code.SIGNER_NOT_JUDGED: Explanation(
        "The signer was not judged.", "There is no seal whose signature verifies.", "", ""
    ),
}
