"""`radseal outbox`: seal while the log cannot be reached, and log it later."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import ALTERED, CommandError, Failure
from provenance.cli.options import common, open_site, require_files, site_option
from provenance.cli.output import count_of, document, facts, moment, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain
from provenance.progress import Progress, stderr_progress
from provenance.walk import walk

if TYPE_CHECKING:
    from ledger import Log, LogClient, Outbox, OutboxState, Synced
    from provenance.receipts import Filed
    from provenance.site.site import Site

_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
_log_option = click.option(
    "--log",
    "url",
    metavar="URL",
    help="Where radseal log serve serves the site's log. Default: the log in the site's folder.",
)
CONFLICT_DO = (
    "keep the outbox as it is and stop sealing with this key; see radseal log alarms at the log, "
    "find out where else the key has signed, and give the device a new key and a new outbox"
)
BEHIND_DO = "keep the outbox as it is; radseal log audit --held with a checkpoint kept elsewhere"
REFUSED_DO = (
    "keep the outbox as it is; see radseal log query --event key-revoked at the log. What a "
    "revoked key has signed is logged no more: hold the files against the outbox, and seal with a "
    "new key what is true"
)
OBJECT_DO = "keep the outbox as it is; upgrade the log, and sync again"
_DO = {"log-behind": BEHIND_DO, "refused": REFUSED_DO, "object": OBJECT_DO}


@click.group(short_help="Seal while the log cannot be reached, and log it later.")
def outbox() -> None:
    """Keep what a device seals while its log cannot be reached, and log it later.

    \b
    Examples
      radseal outbox init /var/lib/radseal/outbox --log https://log.hospital.example
      radseal seal chest.dcm -o sealed --outbox /var/lib/radseal/outbox
      radseal outbox sync /var/lib/radseal/outbox --log https://log.hospital.example
    """


@outbox.command(short_help="Make an outbox, while the log can be reached.")
@_file
@_log_option
@site_option
@common
@click.pass_obj
def init(session: Session, file: Path, url: str | None, site: Path | None) -> int:
    """Make an outbox for the site's device; it goes on where the log is now.

    From then on the device seals with --outbox FILE alone. A copy of FILE is no backup: two
    outboxes of one key are a fork, which the log keeps as evidence. The secret keys/outbox.key is
    made beside the site's other keys.

    \b
    Example
      radseal outbox init /var/lib/radseal/outbox --log https://log.hospital.example
    """
    opened = open_site(site)
    with _log(opened, url) as log:
        made = opened.make_outbox(file, log, at=session.now())
    try:
        state = made.state()
    finally:
        made.close()
    if session.as_json:
        print_json(document("outbox-init", _state(state, file), exit_code=0))
    else:
        say(f"made the outbox {plain(file)}")
        _print_state(state)
    return 0


@outbox.command(short_help="Say what waits in an outbox.")
@_file
@site_option
@common
@click.pass_obj
def status(session: Session, file: Path, site: Path | None) -> int:
    """Say how far an outbox is: what the log has not got, and what has no receipt yet.

    Exit 10 while the last sync was stopped by something that does not pass by itself.

    \b
    Example
      radseal outbox status /var/lib/radseal/outbox
    """
    with _opened(open_site(site), file) as opened:
        state = opened.state()
    code = 0 if state.stopped is None else ALTERED
    if session.as_json:
        print_json(document("outbox-status", _state(state, file), exit_code=code))
    else:
        say(f"outbox {plain(file)}")
        _print_state(state)
    return code


@outbox.command(short_help="Log what waits, and fetch the receipts.")
@_file
@_log_option
@click.option(
    "--receipts",
    "folders",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="PATH",
    help="Put receipts into the sealed files at or under PATH. Repeatable.",
)
@click.option("--prune", is_flag=True, help="Then remove what a receipt proves to be in the log.")
@site_option
@common
@click.pass_obj
def sync(
    session: Session,
    file: Path,
    url: str | None,
    folders: tuple[Path, ...],
    prune: bool,
    site: Path | None,
) -> int:
    """Log what waits in an outbox, in its order and exactly once, and fetch the receipts.

    It may be interrupted at any time and is run again. If the log knows another newest statement
    of the key, it stops and says so (exit 10): nothing is dropped and nothing is signed anew.

    Files sealed offline carry no receipt, so no verifier says AUTHENTIC of them. --receipts writes
    it into those that lie at or under PATH; seals whose file is not there any more are listed.

    \b
    Examples
      radseal outbox sync /var/lib/radseal/outbox --log https://log.hospital.example
      radseal outbox sync /var/lib/radseal/outbox --receipts /sealed/today --prune
    """
    from provenance.receipts import file_receipts, unfiled

    found = walk(folders)
    require_files(folders, found.missing)
    opened_site = open_site(site)
    filed: list[Filed] = []
    missing: tuple[bytes, ...] = ()
    pruned = 0
    with _opened(opened_site, file) as opened:
        with _log(opened_site, url) as log:
            done = _sync(session, opened, log)
        if folders:
            paths = [each.path for each in found.files if each.problem is None]
            filed = list(file_receipts(paths, opened, logs=opened_site.own_logs))
            missing = unfiled(opened, filed)
        if prune:
            pruned = opened.prune()
        state = opened.state()
    code = _exit_code(filed)
    if session.as_json:
        fields = _state(state, file) | _answer(done, filed, missing, pruned)
        print_json(document("outbox-sync", fields, exit_code=code))
    else:
        _print_sync(done, filed, missing, pruned)
        _print_state(state)
    return code


def _exit_code(filed: "list[Filed]") -> int:
    from provenance.receipts import Filing

    return 2 if any(each.filing is Filing.FAILED for each in filed) else 0


@contextmanager
def _opened(site: "Site", file: Path) -> Iterator["Outbox"]:
    opened = site.outbox(file)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def _log(site: "Site", url: str | None) -> Iterator["Log | LogClient"]:
    log = site.writing_log() if url is None else site.log_client(url)
    try:
        yield log
    finally:
        log.close()


def _sync(session: Session, opened: "Outbox", log: "Log | LogClient") -> "Synced":
    from ledger import OutboxConflictError, RefusedError, sync_outbox

    state = opened.state()
    total = state.waiting + state.unproven
    with stderr_progress(
        total, "sync", quiet=session.as_json or total == 0, clock=session.monotonic
    ) as shown:
        steps = _Steps(shown)
        try:
            return sync_outbox(opened, log, clock=session.now, progress=steps.heard)
        except OutboxConflictError as error:
            raise _stopped(error, _DO.get(error.disagreement, CONFLICT_DO)) from error
        except RefusedError as error:
            raise _stopped(error, REFUSED_DO) from error


def _stopped(error: Exception, do: str) -> CommandError:
    code = getattr(error, "disagreement", None)
    return CommandError(
        Failure(
            "the sync has stopped: log and outbox do not agree",
            why=str(error),
            do=do,
            exit_code=ALTERED,
            code=None if code is None else str(code),
        )
    )


class _Steps:
    """Both passes on one line."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._done: dict[str, int] = {}

    def heard(self, step: str, done: int, _total: int) -> None:
        self._shown.advance(done - self._done.get(step, 0))
        self._done[step] = done


def _state(state: "OutboxState", file: Path) -> dict[str, object]:
    seen = state.head.cosigned_at
    return {
        "outbox": path_text(file),
        "origin": state.origin,
        "key": state.kid.hex(),
        "role": str(state.role),
        "first": state.start,
        "next": state.stop,
        "waiting": state.waiting,
        "without_receipt": state.unproven,
        "pruned": state.pruned - state.start,
        "head_seen": state.head.size,
        "head_seen_at": None if seen is None else moment(seen),
        "stopped": None
        if state.stopped is None
        else {
            "code": state.stopped.code,
            "number": state.stopped.seq,
            "since": moment(state.stopped.since),
            "why": state.stopped.words,
        },
    }


def _print_state(state: "OutboxState") -> None:
    seen = state.head.cosigned_at
    when = "" if seen is None else f", signed {moment(seen)}"
    facts(
        [
            ("log", state.origin),
            ("key", f"{state.kid.hex()[:16]}, {state.role}"),
            ("numbers", f"{state.start} to {state.stop - 1}" if state.stop > state.start
             else f"none yet, the next is {state.stop}"),
            ("not logged", state.waiting),
            ("no receipt", state.unproven),
            ("head seen", f"{state.head.size} entries{when}"),
        ]
    )  # fmt: skip
    if state.stopped is not None:
        stopped = state.stopped
        since = moment(stopped.since)
        say(f"STOPPED  {stopped.code}, at number {stopped.seq}, since {since}")
        say(f"  why: {plain(stopped.words)}")
        say(f"  do: {_DO.get(stopped.code, CONFLICT_DO)}")


def _answer(
    done: "Synced", filed: "list[Filed]", missing: tuple[bytes, ...], pruned: int
) -> dict[str, object]:
    return {
        "registered": done.registered,
        "received": done.received,
        "removed": pruned,
        "files": [
            {
                "path": path_text(each.path),
                "result": each.filing.value,
                "seal_id": None if each.seal_id is None else each.seal_id.hex(),
                "why": each.detail,
            }
            for each in filed
        ],
        "seals_without_file": [each.hex() for each in missing],
    }


def _print_sync(
    done: "Synced", filed: "list[Filed]", missing: tuple[bytes, ...], pruned: int
) -> None:
    from provenance.receipts import Filing

    statements = count_of(done.registered, "statement", "statements")
    receipts = count_of(done.received, "receipt", "receipts")
    say(f"logged {statements}, fetched {receipts}")
    for each in filed:
        if each.filing in (Filing.DONE, Filing.WAITS, Filing.FAILED):
            say(f"  {each.filing}  {plain(each.path)}")
        if each.detail is not None:
            say(f"    why: {plain(each.detail)}")
    for seal_id in missing:
        say(f"  no file of seal {seal_id.hex()} there: moved? Its receipt is in the outbox")
    if pruned:
        removed = count_of(pruned, "statement", "statements")
        say(f"removed {removed} proven by receipt to be in the log")
