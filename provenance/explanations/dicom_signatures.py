"""What findings mean: digital signatures of DICOM (PS3.15)."""

from collections.abc import Mapping

from provenance.explanations.explanation import NOTHING, Explanation
from provenance.findings import Code

DICOM_SIGNATURES: Mapping[str, Explanation] = {
    Code.SIGNATURE_VALID: Explanation(
        "A digital signature of DICOM's own kind (PS3.15) covers what stands here.",
        "What it lists as signed has the hash that was signed with the key in its certificate.",
        "Compare the signer with whom you expect; see what it does not cover.",
        "It does not mean that the signer is trusted: no authority was asked, and anyone can make "
        "a certificate of any name. It decides no verdict.",
    ),
    Code.SIGNATURE_BROKEN: Explanation(
        "A digital signature of DICOM's own kind (PS3.15) does not fit what stands here.",
        "A signed attribute or the pixels changed after it was made, or the signature itself did.",
        "Go by the verdict, which says what changed; ask the sender how the object was processed.",
        "It does not mean that the object was falsified: to mark, correct or convert an object "
        "breaks an earlier signature, too.",
    ),
    Code.SIGNATURE_NOT_CHECKED: Explanation(
        "A digital signature of DICOM's own kind (PS3.15) could not be checked.",
        "Its items break their format, it uses what is not known here, or the object was encoded "
        "anew so that the signed bytes are not here.",
        "Check it on the object as it was when it was signed.",
        "It means neither that the signature is good nor that it is bad.",
    ),
    Code.SIGNATURE_WEAK: Explanation(
        "A digital signature proves less than it seems to.",
        "Its hash or key is weak, its certificate was not valid when it claims to have been made "
        "or was timestamped, or it claims a time after its timestamp.",
        "Do not rest a decision on this signature alone.",
        "It does not mean that the object was changed.",
    ),
    Code.SIGNATURE_LEAVES_OUT: Explanation(
        "Attributes that decide whose image it is or how it is read are not signed.",
        "A PS3.15 signature covers the attributes it lists; the profiles leave out patient, side "
        "and spacing. What is absent can also be added without breaking it.",
        "Take these attributes from the seal, not from the signature.",
        "It does not mean that they were changed.",
    ),
    Code.SIGNATURE_STRIPPED: Explanation(
        "A digital signature was removed.",
        "The parameters of its MAC are still there (4FFE,0001); tools that anonymise forget them.",
        "Ask the sender for the object as it was signed.",
        "It does not say by whom or why, or that anything else was changed.",
    ),
    Code.TIMESTAMP_VERIFIED: Explanation(
        "A time-stamping authority that is trusted here saw this signature at that time.",
        "The token is over the signature, and leads to an authority in trust/tsa.",
        NOTHING,
        "It does not mean that the signature fits what stands here, nor that it was made at that "
        "time: not later. Whether the authority was revoked since is not looked up.",
    ),
    Code.TIMESTAMP_BROKEN: Explanation(
        "The certified timestamp of a signature does not hold.",
        "It is over another signature, it was damaged, or it is no token at all.",
        "Take the time of the signature as unknown; ask the sender for the object as it was.",
        "It does not mean that the signature or the object was changed.",
    ),
    Code.TIMESTAMP_UNTRUSTED: Explanation(
        "A signature has a certified timestamp by nobody who is trusted here.",
        "No certificate in trust/tsa vouches for its authority, its policy is not among those of "
        "trust/tsa/policies, or its hash is not of SHA-2.",
        "If you trust that authority, put the certificate of its root into trust/tsa as NAME.pem.",
        "It does not mean that the timestamp is false.",
    ),
    Code.TIMESTAMP_NOT_CHECKED: Explanation(
        "The certified timestamp of a signature could not be checked.",
        "The package rfc3161-client is not installed, or the timestamp is of a kind that is not "
        "known.",
        "Install radseal[tsa].",
        "It means neither that the timestamp is good nor that it is bad.",
    ),
}
