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
        "The device's clock ran ahead by more than a day, or the time is false. The log, its "
        "witnesses or a timestamp had seen the seal before.",
        "Have the device's clock checked.",
        "It does not mean that the image was changed.",
    ),
    Code.SIGNER_NOT_JUDGED: Explanation(
        "The signer was not judged.", "There is no seal whose signature verifies.", "", ""
    ),
    Code.CERTIFICATE_REVOKED: Explanation(
        "The certificate of the signer, or of an authority above it, is revoked.",
        "A revocation list of its authority names it, and neither a timestamp nor a quorum of "
        "witnesses shows that the seal existed before. Its own date and the log's word do not "
        "count: a thief could choose the one, and an operator the other.",
        "Ask the authority why. If the seal is older than the revocation, verify with --site of a "
        "log whose checkpoints are timestamped (radseal log timestamp), with the authority of the "
        "timestamps in trust/tsa.",
        "It does not mean that the image was changed, or that this seal was made by a thief.",
    ),
    Code.REVOKED_LATER: Explanation(
        "A certificate was revoked, but the seal is older.",
        "A timestamp or a quorum of witnesses had seen the seal before the date of revocation, "
        "and of invalidity if the list gives one.",
        NOTHING,
        "",
    ),
    Code.REVOCATION_UNKNOWN: Explanation(
        "No revocation list shows whether a certificate stood.",
        "The trust folder has a folder crls, so each certificate below a root needs a list of its "
        "authority: signed by it, whole, and good at the time by which the seal is known to have "
        "existed. The detail says what is wrong with those that are there.",
        "Fetch the authority's list into trust/crls, and keep the older ones; for the site's own "
        "authority run radseal key crl. A seal whose certificate has ended needs a list from "
        "before its end.",
        "It does not mean that the certificate was revoked.",
    ),
    Code.NOT_REVOKED: Explanation(
        "A revocation list of its authority does not name the certificate.", "", NOTHING, ""
    ),
    Code.LIST_REFUSED: Explanation(
        "A revocation list counts for nothing.",
        "It bears the name of an authority of the path, but that has not signed it.",
        "Fetch the list again from the authority, and find out who put this one there.",
        "",
    ),
    Code.EXPIRED_UNPROVEN: Explanation(
        "The signer's certificate has ended, and nothing shows that the seal is older than that.",
        "By its own date the seal is, but whoever holds an old key can write that.",
        "Verify with --site: the log knows its first checkpoint over the seal. Keep the receipt "
        "that the seal came with, and timestamp checkpoints before certificates end.",
        "It does not mean that the image was changed.",
    ),
    Code.EXPIRED_BY_LOG: Explanation(
        "The signer's certificate has ended; by the log's own word, the seal is older.",
        "No timestamp and no witness says so, only a checkpoint that the log dated itself.",
        "Where the log's operator is in question, have checkpoints timestamped.",
        "",
    ),
    Code.TIME_PROVEN: Explanation(
        "Somebody else than the log had seen the seal by that time.",
        "A timestamp of a trusted authority, or cosignatures of a quorum of trusted witnesses, "
        "over a checkpoint that covers the seal.",
        NOTHING,
        "It does not say when the seal was made: only that it was not later.",
    ),
    Code.TIME_NOT_PROVEN: Explanation(
        "Evidence of time proves nothing here.",
        "Its authority is not trusted or its certificate has ended unrenewed, it is over something "
        "else, or it is damaged.",
        "See radseal log timestamps; put the authority in trust/tsa if you trust it.",
        "",
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
