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
    Code.SECOND_VERIFIES: Explanation(
        "A second, post-quantum signature by the same device is on the seal, and trusted.",
        "",
        NOTHING,
        "It does not mean that this verifier would miss it: trust/second-signatures says for which "
        "devices it does.",
    ),
    Code.SECOND_MISSING: Explanation(
        "The seal names a second key, and its signature is not there.",
        "Somebody took it off the file.",
        "Ask for the file as it was sealed, or ask the ledger that holds a copy.",
        "It does not mean that the image was changed.",
    ),
    Code.SECOND_BROKEN: Explanation(
        "The second signature does not hold.",
        "It is damaged, over other bytes, or by another key than the seal names.",
        "Ask for the file as it was sealed; until then treat its signer as unknown.",
        "It does not mean that the image was changed.",
    ),
    Code.SECOND_UNTRUSTED: Explanation(
        "No trusted authority vouches for the second key.",
        "Its certificates lead to no trusted ML-DSA root, were not valid when it signed, are for "
        "another role, or name another device than those of the first key.",
        "Ask the site that sealed the image for its trust folder over a channel you trust.",
        "It does not mean that the image was changed.",
    ),
    Code.SECOND_DEMANDED: Explanation(
        "The verifier demands a second signature of this device, and the seal names no second key.",
        "The seal was made without one: by a device that was not set up for it, or by somebody who "
        "can forge the first signature.",
        "Ask who runs the device; take its key out of trust/second-signatures if it never had one.",
        "It does not mean that the image was changed.",
    ),
}
