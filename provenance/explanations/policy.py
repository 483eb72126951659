"""What findings mean: what the acceptance policy demands."""

from collections.abc import Mapping

from provenance.explanations.explanation import QUARANTINE, Explanation
from provenance.findings import Code

POLICY: Mapping[str, Explanation] = {
    Code.MUST_BE_SEALED: Explanation(
        "The object should carry a seal: by the policy its device seals everything since a date.",
        "No seal was found, and the object's own date, or its arrival, is not before that date. A "
        "date that cannot be read excuses nobody.",
        QUARANTINE,
        "It does not mean that the image is fake: a device whose key or log failed sends such "
        "objects, and so does software that rewrites them.",
    ),
    Code.SIGNER_NOT_ACCEPTED: Explanation(
        "The seal is of somebody whom the policy does not accept here.",
        "An authority vouches for the signer, but the rule that fits this sender or device names "
        "others, or another role.",
        "See who sealed it, and which way it came. If that is right, add the signer to the rule.",
        "It does not mean that the image was changed.",
    ),
    Code.RULE_UNCLEAR: Explanation(
        "It cannot be told which rule of the policy is meant, and it matters.",
        "A fact that a rule asks for is not known: an AE title that was not given, or an attribute "
        "that the object lacks. What is done then is what all rules that may fit allow.",
        "Give the AE titles (--calling-ae, --called-ae), or write a rule for objects without the "
        "attribute.",
        "It does not mean that anything is wrong with the object.",
    ),
}
