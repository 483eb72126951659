"""What findings mean: the log and the chain of custody."""

from collections.abc import Mapping

from provenance.explanations.explanation import NOTHING, Explanation
from provenance.findings import Code

LOG: Mapping[str, Explanation] = {
    Code.LOGGED: Explanation(
        "The seal is in the log.", "The receipt leads to a checkpoint of a known log.", NOTHING, ""
    ),
    Code.NO_RECEIPT: Explanation(
        "Nothing shows that the seal is in a log.",
        "The file carries no receipt and no ledger was asked.",
        "Run again with --site, or where the ledger can be reached.",
        "",
    ),
    Code.RECEIPT_BAD: Explanation(
        "The receipt does not prove that the seal is in a known log.",
        "It was changed, is another seal's, or comes from a log or witnesses not trusted here.",
        "Run again with --site of the custodian.",
        "It does not mean that the image was changed.",
    ),
    Code.NOT_LOGGED: Explanation(
        "The ledger that was asked does not hold this seal.",
        "It was sealed elsewhere, never logged, or the ledger was cut back.",
        "Ask the custodian; run radseal log audit.",
        "",
    ),
    Code.CHAIN_COMPLETE: Explanation(
        "The chain of custody in the ledger is complete.",
        "Every event of the object names its predecessor.",
        NOTHING,
        "",
    ),
    Code.CHAIN_BROKEN: Explanation(
        "The ledger's custody chain of this object has a gap or a contradiction.",
        "An event is missing, or does not name its predecessor.",
        "Run radseal log audit, and ask the custodian.",
        "",
    ),
    Code.CHAIN_NOT_CHECKED: Explanation(
        "Later custody events were not looked up.",
        "Verification used the receipt in the file alone.",
        "Run again with --site to see the whole chain.",
        "",
    ),
    Code.LEDGER_UNREACHABLE: Explanation(
        "The ledger that was asked could not be read.",
        "Its database is damaged, locked or gone; what it would have said is unknown.",
        "Run radseal log audit and radseal doctor; restore the ledger, then verify again.",
        "It says nothing about the image.",
    ),
    Code.LOGGED_LATER: Explanation(
        "It was logged an hour or more after the time at which it claims to have been sealed.",
        "A device that cannot reach the log keeps its seals in an outbox and syncs them later. "
        "The claimed time lies between the checkpoint it had seen and the one that covers it.",
        NOTHING,
        "It does not say which moment between the two checkpoints is the true one.",
    ),
    Code.CLAIMED_EARLY: Explanation(
        "The seal claims a time before a checkpoint that its signer had already seen.",
        "The device's clock was wrong, or the seal was dated back.",
        "Go by the bracket between the two checkpoints; have the device's clock looked at.",
        "It does not mean that the image was changed.",
    ),
    Code.CLAIMED_FUTURE: Explanation(
        "The seal claims a time after the checkpoint that covers it.",
        "The device's clock runs ahead, or the seal was dated forward.",
        "Go by the bracket between the two checkpoints; have the device's clock looked at.",
        "It does not mean that the image was changed.",
    ),
    Code.HEAD_UNKNOWN: Explanation(
        "The seal names a state of the log that this log never had.",
        "The log was cut back or replaced after the device had seen it, or the device made it up.",
        "Hold the log against checkpoints kept elsewhere: radseal log audit --held.",
        "It does not mean that the image was changed.",
    ),
    Code.SEALED_LATE: Explanation(
        "Others logged events about this object before its seal reached the log.",
        "The device was offline, and whoever received the image was quicker; or an image that was "
        "known already was sealed afterwards. The order of the log shows which came first, and "
        "no order is claimed beyond it.",
        "Read the events before the seal (radseal trace), above all what was verified then, and "
        "the bracket of the seal; ask for the device's outbox if they do not fit.",
        "It does not mean that the image was changed.",
    ),
    Code.RIVAL_SEAL: Explanation(
        "Another device has sealed under the same seal id, later than this one.",
        "Seal ids are random and do not meet by chance: one of the two keys was misused. The "
        "seal that came first counts, and this is the one that came first.",
        "Find out which device made the image, and revoke the other's key: radseal log alarms.",
        "It does not say which of the two devices is the honest one.",
    ),
}
