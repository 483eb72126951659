"""What a PACS said of an object, as lines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from provenance.cli.output import moment
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from provenance.pacs.custody.told import Custody, ToldPerson


def custody_lines(event: str, custody: "Custody") -> Iterator[str]:
    """Yield the lines that say it; what comes from the log is made plain."""
    if custody.problem is not None:
        yield f"its body is none that can be read here: {plain(custody.problem)}"
        return
    yield plain(_sentence(event, custody))
    for person in custody.persons:
        yield _person(person)


def _sentence(event: str, custody: "Custody") -> str:
    match event:
        case "ingested":
            return f"came by {custody.route}"
        case "verified":
            by = "as persons decided before" if custody.as_decided_before else "by the policy"
            return f"{custody.verdict}: {custody.action}, {by}"
        case "sent":
            return f"to {custody.place}"
        case "quarantined" if custody.step is None:
            return f"{custody.verdict}: kept apart"
        case "quarantined":
            what = "release" if custody.to_archives else "rejection"
            return f"still kept apart; its {what} is {custody.step}"
        case "purged":
            return f"{custody.verdict}: rejected before; its file was taken off the disk"
    what = "to the archives" if custody.to_archives else "no: rejected, and kept apart for good"
    match custody.step:
        case None:
            return f"{what}; no person has signed it"
        case "alone":
            return f"{what}, by one person alone"
    return f"{what}, by two persons"


def _person(person: "ToldPerson") -> str:
    who = f"{person.step} by {person.role} {person.name}, key {person.kid.hex()[:16]}"
    fault = "" if person.problem is None else f"  FAIL: {person.problem}"
    return plain(f"{who}, {moment(person.at)}{fault}")
