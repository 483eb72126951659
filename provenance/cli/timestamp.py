"""`radseal timestamp`: a certified timestamp for a PS3.15 signature that is in an object."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import NOT_CHECKED, UNTRUSTED, USAGE, CommandError, Failure
from provenance.cli.options import common, force_option, open_site, site_option
from provenance.cli.output import document, facts, moment, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain
from provenance.errors import SealError
from provenance.whole_file import write_whole

if TYPE_CHECKING:
    from ledger import Timestamp, TimestampAnchors, TimestampRequest

_HASHES = ("sha256", "sha384", "sha512")
_MAX_FILE = 1 << 20


@click.command(short_help="Have a PS3.15 signature timestamped (RFC 3161).")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
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
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The object with its timestamp; not with --query alone.",
)
@click.option(
    "--uid",
    metavar="UID",
    help="The Digital Signature UID. Default: the only signature without a timestamp.",
)
@click.option(
    "--hash", "name", type=click.Choice(_HASHES), default="sha256", show_default=True, help="Over."
)
@click.option(
    "--trust",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="A trust folder with tsa/*.pem; without it the site's.",
)
@site_option
@force_option
@common
@click.pass_obj
def timestamp(
    session: Session,
    path: Path,
    url: str | None,
    query: Path | None,
    reply: Path | None,
    output: Path | None,
    uid: str | None,
    name: str,
    trust: Path | None,
    site: Path | None,
    force: bool,
) -> int:
    """Have a PS3.15 signature of the object PATH timestamped by a TSA, and put the token into it.

    The token proves when the signature existed, by another clock than the signer's. It is written
    only if it holds under an authority in trust/tsa. The TSA sees a hash, nothing else. Neither
    the signature nor a seal covers it, so both stay as they are. It needs radseal[tsa].

    \b
    Examples
      radseal timestamp signed.dcm --url https://tsa.example/tsr -o stamped.dcm
      radseal timestamp signed.dcm --query q.tsq
      radseal timestamp signed.dcm --query q.tsq --reply r.tsr -o stamped.dcm
    """
    from ledger import StampHash, parse_timestamp_request
    from provenance.dicom.read import read_instance
    from provenance.dicom.write import write_instance
    from provenance.ps315.stamp import insert_timestamp, stampable
    from provenance.ps315.time_stamper import accept, request_for

    if (url is None) == (query is None) or (reply is not None and query is None):
        raise click.UsageError("give --url, or --query FILE, or --query FILE and --reply FILE")
    if (query is not None and reply is None) is (output is not None):
        raise click.UsageError("give -o FILE, but not with --query alone")
    if output is not None and output.exists() and not force:
        raise click.UsageError(f"{output} exists already: give --force to overwrite it")
    anchors = None if output is None else _anchors(trust, site)
    instance = read_instance(path)
    found, signature = stampable(instance, uid)
    if query is not None and reply is not None:
        request, answer = parse_timestamp_request(_read(query)), _read(reply)
    else:
        request = request_for(signature, nonce=secrets.randbits(64), hash=StampHash(name))
        if query is not None:
            write_whole(query, bytes(request), overwrite=force)
            return _written(session, path, found, query)
        assert url is not None
        answer = _ask(url, request)
    assert output is not None
    assert anchors is not None
    try:
        token, held = accept(answer, request, signature, anchors=anchors, at=session.now())
    except SealError as error:
        raise CommandError(
            Failure(
                "the signature got no timestamp",
                why=str(error),
                do="see that trust/tsa holds the TSA's authority; ask again, or another TSA",
                exit_code=UNTRUSTED,
                code=error.code,
            )
        ) from error
    insert_timestamp(instance, token, uid=found)
    write_instance(instance, output, overwrite=force)
    return _stamped(session, path, found, output, held)


def _written(session: Session, path: Path, uid: str, query: Path) -> int:
    if session.as_json:
        fields = {"path": path_text(path), "signature": uid, "query": path_text(query)}
        print_json(document("timestamp", fields | {"output": None}, exit_code=0))
    else:
        say(f"wrote the request for the signature {plain(uid)} to {plain(query)}")
    return 0


def _stamped(session: Session, path: Path, uid: str, output: Path, held: "Timestamp") -> int:
    accuracy = held.accuracy.total_seconds()
    if session.as_json:
        fields: dict[str, object] = {
            "path": path_text(path),
            "signature": uid,
            "query": None,
            "output": path_text(output),
            "time": moment(held.time),
            "accuracy_seconds": accuracy,
            "tsa": held.tsa,
        }
        print_json(document("timestamp", fields, exit_code=0))
        return 0
    say(f"stamped  {plain(output)}")
    facts(
        [
            ("signature", uid),
            ("existed at", moment(held.time)),
            ("by", held.tsa),
            ("accuracy", f"{accuracy:g} s"),
        ]
    )
    return 0


def _anchors(trust: Path | None, site: Path | None) -> "TimestampAnchors":
    from provenance.ps315.time_stamper import require_anchors
    from provenance.trust.store import TrustStore

    store = open_site(site).trust if trust is None else TrustStore.load(trust)
    require_anchors(store.timestamping)
    return store.timestamping


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


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE)
    except OSError as error:
        raise CommandError(
            Failure(
                f"{path} cannot be read",
                why=error.strerror or type(error).__name__,
                do="give the request that was sent to the TSA, and its answer",
                exit_code=USAGE,
            )
        ) from error
