"""`radseal log timestamp` and `timestamps`: when somebody else had seen a checkpoint."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import (
    NOT_CHECKED,
    NOTHING_MATCHED,
    UNTRUSTED,
    USAGE,
    CommandError,
    Failure,
)
from provenance.cli.options import common, force_option, open_site, site_option
from provenance.cli.output import document, facts, moment, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.shown_log import log_in
from provenance.cli.terminal import coloured, plain
from provenance.whole_file import write_whole

if TYPE_CHECKING:
    from ledger import JudgedToken, Log, Stamped, Timestamp, TimestampRequest, TimestampSource

_HASHES = ("sha256", "sha384", "sha512")
_MAX_FILE = 1 << 20
_SOON = timedelta(days=180)


@click.command("timestamp", short_help="Have a checkpoint timestamped (RFC 3161).")
@click.option("--url", metavar="URL", help="Ask the TSA at this address.")
@click.option(
    "--query",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Offline: write the request here; with --reply, read it.",
)
@click.option(
    "--reply",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Offline: the TSA's answer to the request in --query.",
)
@click.option(
    "--size",
    type=click.IntRange(min=1),
    help="The checkpoint of this size, whether it has a timestamp or not: renews it.",
)
@click.option(
    "--hash", "name", type=click.Choice(_HASHES), default="sha256", show_default=True, help="Over."
)
@click.option("--policy", metavar="OID", help="Ask for this policy of the TSA.")
@site_option
@force_option
@common
@click.pass_obj
def timestamp(
    session: Session,
    url: str | None,
    query: Path | None,
    reply: Path | None,
    size: int | None,
    name: str,
    policy: str | None,
    site: Path | None,
    force: bool,
) -> int:
    """Have the newest checkpoint timestamped by a time-stamping authority, and keep the token.

    The token proves when the checkpoint existed, whatever the log's clock says. It is kept only
    if it holds under an authority in the site's trust/tsa/*.pem. A checkpoint that has a timestamp
    gets another one, over those before, only with --size: renew before the authority's certificate
    ends. The TSA sees a hash, nothing else. It needs radseal[tsa].

    \b
    Examples
      radseal log timestamp --url https://tsa.example/tsr --site /srv/radseal
      radseal log timestamp --query head.tsq --site /srv/radseal
      radseal log timestamp --query head.tsq --reply head.tsr --site /srv/radseal
    """
    from ledger import MalformedError, ProofError, parse_timestamp_request

    if (url is None) == (query is None) or (reply is not None and query is None):
        raise click.UsageError("give --url, or --query FILE, or --query FILE and --reply FILE")
    opened = open_site(site)
    anchors = opened.trust.timestamping
    if not anchors.authorities:
        raise CommandError(
            Failure(
                "no authority of timestamps is trusted",
                why=f"there is no certificate in {opened.folder / 'trust' / 'tsa'}",
                do="put the certificate of the TSA's root authority there as NAME.pem",
                exit_code=USAGE,
            )
        )
    with opened.writing_log() as log:
        if query is not None and reply is not None:
            request, answer = parse_timestamp_request(_read(query)), _read(reply)
        else:
            stamped = _asked(log, size)
            if size is None and stamped.tokens:
                return _already(session, stamped)
            request = _request(stamped, name, policy)
            if query is not None:
                write_whole(query, bytes(request), overwrite=force)
                return _written(session, stamped, query)
            assert url is not None
            answer = _ask(url, request)
        try:
            stamped_size, found = log.add_timestamp(
                request, answer, anchors=anchors, at=session.now()
            )
        except (ProofError, MalformedError) as error:
            raise CommandError(
                Failure(
                    "the TSA's answer was refused, and is not kept",
                    why=str(error),
                    do="see that trust/tsa holds the TSA's authority; ask again, or another TSA",
                    exit_code=UNTRUSTED,
                )
            ) from error
        number = len(log.stamped(stamped_size).tokens) - 1
    if session.as_json:
        fields = {"size": stamped_size, "number": number, "query": None, **_token(found)}
        print_json(document("log-timestamp", fields, exit_code=0))
        return 0
    say(f"checkpoint of {stamped_size} entries existed at {moment(found.time)}")
    facts(_pairs(found))
    return 0


@click.command("timestamps", short_help="Judge the timestamps of a log.")
@click.argument("source", required=False, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--trust",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="A trust folder with tsa/*.pem and logs/*.vkeys; without it the site's.",
)
@site_option
@common
@click.pass_obj
def timestamps(session: Session, source: Path | None, trust: Path | None, site: Path | None) -> int:
    """List the timestamps of checkpoints, and what each of them proves now.

    Without SOURCE those of the site's log; else of a folder that radseal log export or radseal log
    monitor wrote. The earliest token that still holds gives the time. Exit 12 if a checkpoint has
    no token that holds.

    \b
    Examples
      radseal log timestamps --site /srv/radseal
      radseal log timestamps north --trust north-trust --json
    """
    from ledger import LedgerError, judge_timestamps, open_checkpoint
    from provenance.trust.store import TrustStore

    if source is not None and trust is None:
        raise click.UsageError("SOURCE is somebody else's word: give --trust DIR")
    store = open_site(site).trust if trust is None else TrustStore.load(trust)
    answers: list[dict[str, object]] = []
    proven = True
    with _source(source, site) as shown:
        for stamped in shown.timestamps():
            try:
                open_checkpoint(stamped.note, store.logs)
                judged = judge_timestamps(
                    stamped.note, stamped.tokens, anchors=store.timestamping, at=session.now()
                )
                trouble = None
            except LedgerError as error:
                judged, trouble = (), str(error)
            first = next((j.timestamp for j in judged if j.timestamp is not None), None)
            proven = proven and first is not None
            answers.append(_chain(stamped, judged, first, trouble))
            if not session.as_json:
                _print_chain(stamped, judged, first, trouble, session.now())
    if not answers:
        raise CommandError(
            Failure(
                "no checkpoint has a timestamp",
                why="the log was never timestamped, or this copy was made before",
                do="see radseal log timestamp --help",
                exit_code=NOTHING_MATCHED,
            )
        )
    code = 0 if proven else UNTRUSTED
    if session.as_json:
        print_json(document("log-timestamps", {"checkpoints": answers}, exit_code=code))
    return code


def _ask(url: str, request: "TimestampRequest") -> bytes:
    from ledger import UnreachableError, ask_tsa

    try:
        return ask_tsa(url, request)
    except UnreachableError as error:
        raise CommandError(
            Failure(
                "the TSA does not answer as it must",
                why=str(error),
                do="check the address; then try again, or ask another TSA",
                exit_code=NOT_CHECKED,
            )
        ) from error


def _asked(log: "Log", size: int | None) -> "Stamped":
    if size is not None:
        return log.stamped(size)
    log.checkpoint()
    return log.stamped(log.head().size)


def _request(stamped: "Stamped", name: str, policy: str | None) -> "TimestampRequest":
    from ledger import StampHash, request_for

    nonce = secrets.randbits(64)
    return request_for(stamped, hash=StampHash(name), nonce=nonce, policy=policy)


def _already(session: Session, stamped: "Stamped") -> int:
    number = len(stamped.tokens) - 1
    if session.as_json:
        fields = {"size": stamped.size, "number": number, "query": None}
        print_json(document("log-timestamp", fields, exit_code=0))
    else:
        say(f"the checkpoint of {stamped.size} entries has a timestamp; --size renews it")
    return 0


def _written(session: Session, stamped: "Stamped", query: Path) -> int:
    if session.as_json:
        fields = {"size": stamped.size, "number": None, "query": path_text(query)}
        print_json(document("log-timestamp", fields, exit_code=0))
    else:
        say(f"wrote the request for the checkpoint of {stamped.size} entries to {plain(query)}")
    return 0


def _token(found: "Timestamp") -> dict[str, object]:
    return {
        "time": moment(found.time),
        "accuracy_seconds": found.accuracy.total_seconds(),
        "hash": str(found.hash),
        "policy": found.policy,
        "serial": str(found.serial),
        "tsa": found.tsa,
        "good_until": moment(found.good_until),
    }


def _pairs(found: "Timestamp") -> list[tuple[str, object]]:
    return [
        ("by", found.tsa),
        ("accuracy", f"{found.accuracy.total_seconds():g} s"),
        ("over", found.hash),
        ("renew before", moment(found.good_until)),
    ]


def _chain(
    stamped: "Stamped",
    judged: "tuple[JudgedToken, ...]",
    first: "Timestamp | None",
    trouble: str | None,
) -> dict[str, object]:
    return {
        "size": stamped.size,
        "existed_at": None if first is None else moment(first.time),
        "trouble": trouble,
        "tokens": [
            {"number": each.number, "holds": False, "why": each.words}
            if each.timestamp is None
            else {"number": each.number, "holds": True, **_token(each.timestamp)}
            for each in judged
        ],
    }


def _print_chain(
    stamped: "Stamped",
    judged: "tuple[JudgedToken, ...]",
    first: "Timestamp | None",
    trouble: str | None,
    now: datetime,
) -> None:
    if first is None:
        say(coloured("FAIL") + f"  {stamped.size} entries: no time is proven")
    else:
        say(coloured("pass") + f"  {stamped.size} entries existed at {moment(first.time)}")
    if trouble is not None:
        say(f"  {plain(trouble)}")
    for each in judged:
        if each.timestamp is None:
            say(f"  token {each.number}  proves nothing: {plain(each.words)}")
            continue
        found = each.timestamp
        say(f"  token {each.number}  {moment(found.time)}  {found.hash}  by {plain(found.tsa)}")
    last = judged[-1].timestamp if judged else None
    if last is not None and last.good_until - now < _SOON:
        say(f"  do: renew before {moment(last.good_until)}: radseal log timestamp --size")


@contextmanager
def _source(source: Path | None, site: Path | None) -> "Iterator[TimestampSource]":
    if source is not None:
        with log_in(source) as shown:
            yield shown
    else:
        with open_site(site).reading_log() as log:
            yield log


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MAX_FILE)
