"""From an error to what a person needs: what went wrong, why, what to do; and the exit code."""

from collections.abc import Mapping
from dataclasses import dataclass

import click

from provenance.errors import (
    EvidenceError,
    EvidenceMissingError,
    KeyUnavailableError,
    MalformedError,
    OutOfReachError,
    RadsealError,
    SealError,
    TrustError,
    UnreadableError,
    UsageError,
)
from provenance.explanations import EXPLANATIONS

USAGE = 2
ALTERED, UNSEALED, UNTRUSTED, UNREADABLE, NOT_CHECKED, NOTHING_MATCHED, STRIPPED = (
    10, 11, 12, 14, 15, 16, 17,
)  # fmt: skip

EXIT_CODES: Mapping[int, str] = {
    0: "AUTHENTIC or CORRECTED; verify --policy: accept; or the command did what it was asked to",
    1: "radseal itself failed: a defect, please report it",
    USAGE: "usage or set-up is wrong; for seal: an object could not be sealed",
    ALTERED: "ALTERED; study verify: DIFFERS; restore: the pixels are not those that were sealed; "
    "quarantine: the file or the proposal was changed; log audit: findings; "
    "log monitor: alarm; log alarms: one is open; outbox sync: the log does not agree",
    UNSEALED: "UNSEALED; study verify: NOT CLOSED; inspect, restore: no seal; "
    "watermark read: no mark",
    UNTRUSTED: "UNTRUSTED; trace: the chain of custody has a gap, or a signature of a person "
    "in it does not hold; quarantine: the key may not decide; log timestamp: the answer was "
    "refused; log timestamps: a time is not proven; audit-trail check: the collector is not who it "
    "must be",
    13: "DERIVED",
    UNREADABLE: "UNREADABLE; seal: at least one input could not be read",
    NOT_CHECKED: "NOT CHECKED; the ledger could not be reached; "
    "audit-trail check: the collector has not taken the message",
    NOTHING_MATCHED: "nothing matched the input",
    STRIPPED: "STRIPPED; inspect: the seal in the file is broken",
    18: "HEADER CHANGED",
    19: "study verify: INCOMPLETE, instances of a closed study are missing",
    20: "verify --policy: the strictest action is to tag",
    21: "verify --policy: the strictest action is to quarantine",
    22: "verify --policy: the strictest action is to refuse",
    130: "interrupted",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, why, and what to do, one sentence each."""

    what: str
    why: str
    do: str
    exit_code: int
    code: str | None = None


class CommandError(click.ClickException):
    """A failure that a verb has found itself."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


def known_errors() -> tuple[type[Exception], ...]:
    """Return the errors that have words here. Packages that are not loaded have raised nothing."""
    import sys

    known: list[type[Exception]] = [RadsealError, OSError]
    for package, base in (("ledger", "LedgerError"), ("watermark", "WatermarkError")):
        if package in sys.modules:
            known.append(getattr(sys.modules[package], base))
    return tuple(known)


def usage_failure(error: click.ClickException) -> Failure:
    """Return the words for a mistake on the command line."""
    if isinstance(error, CommandError):
        return error.failure
    context = getattr(error, "ctx", None)
    name = context.command_path if context is not None else "radseal"
    return Failure(
        error.format_message(),
        why="the command line is not one that radseal knows",
        do=f"see {name} --help",
        exit_code=USAGE,
    )


def failure_of(error: Exception, *, what: str | None = None) -> Failure:
    """Return the words for an error that one of the three packages, or the system, has raised."""
    why = str(error)
    match error:
        case UnreadableError():
            return Failure(
                what or "the file cannot be decoded",
                why,
                do=f"fetch the file again, and see radseal explain {error.code}",
                exit_code=UNREADABLE,
                code=str(error.code),
            )
        case SealError():
            return Failure(
                what or "the object cannot be sealed or written",
                why,
                do=f"see radseal explain {error.code}",
                exit_code=USAGE,
                code=str(error.code),
            )
        case KeyUnavailableError():
            return Failure(what or "the key cannot sign", why, do=error.do, exit_code=USAGE)
        case UsageError():
            return _usage(why, what)
        case EvidenceMissingError():
            return Failure(
                what or "the evidence that this needs is missing",
                why,
                do="give the file as it was sealed, or ask the site that sealed it",
                exit_code=UNSEALED,
            )
        case MalformedError():
            return Failure(
                what or "the seal in the file is broken",
                why,
                do="keep the file as it is and ask the sender for the original",
                exit_code=STRIPPED,
            )
        case EvidenceError():
            return Failure(
                what or "the file is not as it was sealed",
                why,
                do="see radseal verify for where it differs; ask the sender for the original",
                exit_code=ALTERED,
            )
        case TrustError():
            return Failure(
                what or "the signer is not trusted",
                why,
                do=EXPLANATIONS[error.code].do,
                exit_code=UNTRUSTED,
                code=str(error.code),
            )
        case OSError():
            return Failure(
                what or "a file cannot be read or written",
                _of_system(error),
                do="check that the path exists, that you may use it, and that the disk has room",
                exit_code=USAGE,
            )
        case OutOfReachError():
            return Failure(
                what or "source, workers or results of the scan are out of reach",
                why,
                do="see that they are there, then go on by radseal scan --resume: nothing is lost",
                exit_code=NOT_CHECKED,
            )
        case RadsealError():
            return _usage(why, what)
        case _:
            return _of_sibling(error, what)


def _usage(why: str, what: str | None) -> Failure:
    return Failure(
        what or "the command cannot be carried out like this",
        why,
        do="see radseal --help, and radseal doctor for the set-up",
        exit_code=USAGE,
    )


def _of_sibling(error: Exception, what: str | None) -> Failure:
    """Errors of ledger and watermark, by what they are: a mistake, nothing there, or trouble."""
    special = _of_ledger(error, what)
    if special is not None:
        return special
    if isinstance(error, LookupError):
        return Failure(
            what or "the ledger has no such thing",
            str(error),
            do="check the name; radseal log head shows what the log holds",
            exit_code=NOTHING_MATCHED,
        )
    if isinstance(error, ValueError):
        return _usage(str(error), what)
    return Failure(
        what or "the ledger cannot be used",
        str(error),
        do="see that the disk has room and no other process holds it; then radseal doctor and "
        "radseal log audit",
        exit_code=NOT_CHECKED,
    )


def _of_ledger(error: Exception, what: str | None) -> Failure | None:
    import sys

    if "ledger" not in sys.modules:
        return None
    from ledger import (
        BusyError,
        ForbiddenError,
        NotSignedError,
        PrunedError,
        RefusedError,
        RolledBackError,
        UnreachableError,
        WitnessError,
    )

    match error:
        case UnreachableError():
            return Failure(
                what or "the server of the log does not answer as it must",
                str(error),
                do="check the address, and that radseal log serve, or the database, runs there; "
                "then try again",
                exit_code=NOT_CHECKED,
            )
        case RolledBackError():
            return Failure(
                what or "the log is older than what its witnesses hold, and signs nothing",
                str(error),
                do="put the newest database back, or take the entries back from a monitor's copy "
                "with radseal log refill",
                exit_code=NOT_CHECKED,
            )
        case WitnessError():
            return Failure(
                what or "no quorum of witnesses cosigns: entries are kept, nothing is published",
                str(error),
                do="see that the witnesses of trust/policy run and know the keys of the log in "
                "trust/logs; then try again",
                exit_code=NOT_CHECKED,
            )
        case BusyError():
            return Failure(
                what or "the log is busy: nothing was changed, or it is not published yet",
                str(error),
                do="try again; if it stays so, see what else writes to the log, and /health of its "
                "server",
                exit_code=NOT_CHECKED,
            )
        case RefusedError():
            return Failure(
                what or "the rules of the log do not admit this",
                str(error),
                do="sign with a key that is in force in the log and whose role may do this",
                exit_code=NOT_CHECKED,
            )
        case PrunedError():
            return Failure(
                what or "the log does not hold this any more",
                str(error),
                do="read the archive: radseal log monitor and radseal log audit --archive do",
                exit_code=NOTHING_MATCHED,
            )
        case ForbiddenError() | NotSignedError():
            return Failure(
                what or "the log does not let this key read",
                str(error),
                do="use the key of a gateway, an archivist or an auditor that is in force there",
                exit_code=NOT_CHECKED,
            )
        case _:
            return None


def _of_system(error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename is not None else reason
