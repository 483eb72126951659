"""What findings mean: persons who vouch."""

from collections.abc import Mapping

from provenance.explanations.explanation import NOTHING, Explanation
from provenance.findings import Code

ATTESTATIONS: Mapping[str, Explanation] = {
    Code.ATTESTED: Explanation(
        "A person has vouched for the object.",
        "An operator, vouched for by a trusted authority, verified it and signed that in the log.",
        NOTHING,
        "It does not mean that the finding in the image is right; and without it an object is no "
        "less authentic.",
    ),
    Code.ATTESTER_UNKNOWN: Explanation(
        "Somebody has vouched for the object who is not known as an operator.",
        "No trusted authority vouches for the signer in that role, the key was revoked, or it is "
        "not known here what was meant.",
        "Ask the site for its trust folder over a channel you trust.",
        "It does not weaken the seal of the device.",
    ),
}
