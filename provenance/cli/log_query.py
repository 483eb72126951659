"""`radseal log query`: entries of the log by object, signer, device, event, time or verdict."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.bracket import bracket_line, worth_saying
from provenance.cli.named_key import key_name, named_key
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import count_of, document, moment, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain
from provenance.schema.trace import bracket_fields

if TYPE_CHECKING:
    from ledger import Entry, LoggedKey

_EVENTS = (
    *("sealed", "attested", "sent", "ingested", "verified", "viewed", "exported", "derived"),
    *("deidentified", "corrected", "quarantined", "released", "study-closed"),
    *("key-added", "key-revoked", "erased", "log-keys", "purged"),
)
_TIMES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@click.command("query", short_help="Find entries of the log.")
@click.option("--object", "object_id", metavar="SEAL_ID", help="About this object.")
@click.option("--actor", metavar="KEY", help="Signed by this key: id, its beginning, name or role.")
@click.option("--device", metavar="KEY", help="About objects that this key has sealed.")
@click.option("--event", type=click.Choice(_EVENTS), metavar="EVENT", help="Of this event.")
@click.option("--since", type=_TIMES, help="Claimed to be of this time (UTC) or later.")
@click.option("--until", type=_TIMES, help="Claimed to be from before this time (UTC).")
@click.option("--verdict", help="Verifications with this verdict.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most."
)
@click.option("--after", type=click.IntRange(min=0), help="Go on after this entry.")
@site_option
@common
@click.pass_obj
def query(
    session: Session,
    object_id: str | None,
    actor: str | None,
    device: str | None,
    event: str | None,
    since: datetime | None,
    until: datetime | None,
    verdict: str | None,
    limit: int,
    after: int | None,
    site: Path | None,
) -> int:
    """Find entries of the log, in their order; all conditions must hold.

    Times are what the signers claimed; where an entry was logged an hour later or more, or its time
    does not fit the checkpoints before and after, a second line says so. If there is more than
    --limit, the last line names the entry to go on --after (in JSON: next).

    \b
    Examples
      radseal log query --event verified --verdict ALTERED --site /srv/radseal
      radseal log query --device 6144 --since 2026-06-01 --until 2026-06-08 --json
    """
    from ledger import Event, Query

    with open_site(site).records().log as opened:
        keys = opened.keys()
        try:
            asked = Query(
                object_id=None if object_id is None else _seal_id(object_id),
                actor=None if actor is None else named_key(actor, keys),
                device=None if device is None else named_key(device, keys),
                event=None if event is None else Event(event),
                claimed_from=None if since is None else since.replace(tzinfo=UTC),
                claimed_before=None if until is None else until.replace(tzinfo=UTC),
                verdict=verdict,
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        start = -1 if after is None else after
        found = list(islice(opened.query(asked, after=start), limit + 1))
        brackets = opened.brackets(found[:limit])
        prunings = opened.prunings()
    following = found[limit - 1].index if len(found) > limit else None
    entries = [
        _answer(entry, keys) | {"bracket": bracket_fields(bracket)}
        for entry, bracket in zip(found, brackets, strict=False)
    ]
    pruned = [{"below": each.below, "archive": each.archive} for each in prunings]
    if session.as_json:
        fields: dict[str, object] = {"entries": entries, "next": following, "pruned": pruned}
        print_json(document("log-query", fields, exit_code=0))
        return 0
    for each, bracket in zip(entries, brackets, strict=True):
        say(
            f"{each['index']:>8}  {each['claimed_at']}  {each['event']:<13}  "
            f"{each['object'] or '-':<24}  {each['role']}: {plain(each['actor'])}"
            + (f"  {plain(each['verdict'])}" if each["verdict"] else "")
        )
        if worth_saying(bracket):
            say(f"          {bracket_line(bracket)}")
    if following is None:
        say(count_of(len(entries), "entry", "entries"))
    else:
        count = count_of(len(entries), "entry", "entries")
        say(f"{count}; there are more: go on with --after {following}")
    for pruning in prunings:
        say(f"entries below {pruning.below} were pruned and not asked: {plain(pruning.archive)}")
    return 0


def _answer(entry: "Entry", keys: Sequence["LoggedKey"]) -> dict[str, object]:
    from ledger import Event, parse_statement

    statement = parse_statement(entry.statement)
    signer = next(key for key in keys if key.kid == statement.kid)
    verdict = statement.body.get(1) if statement.event is Event.VERIFIED else None
    seen = statement.head_seen
    return {
        "index": entry.index,
        "event": str(statement.event),
        "claimed_at": moment(statement.claimed_at),
        "object": statement.object_id.hex() if statement.object_id else None,
        "key": statement.kid.hex(),
        "role": str(signer.role),
        "actor": key_name(signer),
        "verdict": verdict if isinstance(verdict, str) else None,
        "head_seen": None if seen is None else seen.size,
        "leaf_hash": entry.leaf_hash.hex(),
    }


def _seal_id(words: str) -> bytes:
    if not re.fullmatch("[0-9a-fA-F]{24}", words):
        raise click.UsageError(f"{words!r} is no seal id of 24 hexadecimal digits")
    return bytes.fromhex(words)
