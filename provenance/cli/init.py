"""`radseal init`: make a site."""

from pathlib import Path
from typing import cast

import click

from provenance.cli.options import common
from provenance.cli.output import document, facts, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

_ALGORITHMS = ("ed25519", "esp256")


@click.command(short_help="Make a site: keys, certificates, a log.")
@click.argument("site", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--name", help="The site's name, as certificates show it. Default: the folder's name."
)
@click.option(
    "--algorithm",
    type=click.Choice(_ALGORITHMS),
    default="ed25519",
    show_default=True,
    help="Of the keys that sign statements: Ed25519, or ECDSA on P-256 (for HSMs and FIPS).",
)
@click.option(
    "--ledger",
    metavar="URL",
    help="Keep the log in this PostgreSQL database, not in SITE. No password in the URL.",
)
@click.option(
    "--hybrid",
    is_flag=True,
    help="Give the device a second key, of ML-DSA-65, against forgers with quantum computers.",
)
@common
@click.pass_obj
def init(
    session: Session,
    site: Path,
    name: str | None,
    algorithm: str,
    ledger: str | None,
    hybrid: bool,
) -> int:
    """Make a site in the empty folder SITE: a CA, keys for each role, a log.

    The private keys lie in SITE/keys, readable by their owner alone. SITE/trust is for those who
    verify: it holds no secret.

    With --ledger the log is made in a PostgreSQL database, which must exist and hold none yet;
    the URL is kept in site.json, and its password is looked for where libpq does: PGPASSWORD,
    ~/.pgpass. It needs radseal[postgres].

    With --hybrid each seal of the device bears a second signature and is some 9 KB longer;
    SITE/trust then demands it of that device.

    \b
    Examples
      radseal init /srv/radseal --name radiology
      radseal init /srv/radseal --hybrid
      radseal init /srv/radseal --ledger postgresql+psycopg://radseal@db.example/radseal
    """
    from ledger import Algorithm
    from provenance.site.site import Site

    made = Site.init_at_time(
        site,
        name=name or site.resolve().name,
        algorithm=Algorithm[algorithm.upper()],
        ledger=ledger,
        hybrid=hybrid,
        at=session.now(),
    )
    trust = made.folder / "trust"
    if session.as_json:
        fields: dict[str, object] = {
            "site": path_text(made.folder),
            "name": made.name,
            "origin": made.origin,
            "algorithm": algorithm,
            "hybrid": hybrid,
            "ledger": made.ledger,
            "trust": path_text(trust),
        }
        print_json(document("init", fields, exit_code=0))
        return 0
    say(f"made the site {plain(made.name)} in {plain(made.folder)}")
    pairs = [
        ("log", made.origin if made.ledger is None else f"{made.origin} in {plain(made.ledger)}"),
        ("keys", f"{made.folder / 'keys'} (secret: back them up, and keep them here)"),
        ("trust", f"{trust} (give it to those who verify)"),
    ]
    facts(cast(list[tuple[str, object]], pairs))
    say(f"next: export RADSEAL_SITE={plain(made.folder.resolve())}")
    return 0
