"""`radseal log add-keys` and `retire-keys`: new keys take the place of the log's own."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from provenance.cli.failure import NOT_CHECKED, CommandError, Failure
from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import document, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

if TYPE_CHECKING:
    from ledger import LogKeys
    from provenance.site.site import Site


@click.command("add-keys", short_help="Let new keys of the log sign beside the old.")
@site_option
@common
@click.pass_obj
def add_keys(session: Session, site: Path | None) -> int:
    """Make new keys for the log; from now on old and new ones sign every checkpoint together.

    `radseal log serve` need not be stopped: it sees the change before it signs the next checkpoint.
    Then give trust/logs/site.vkeys to all who verify, to monitors and to witnesses: each may change
    over at its own time. When everybody has, end the change with radseal log retire-keys.

    \b
    Example
      radseal log add-keys --site /srv/radseal
    """
    from provenance.site.log_key_change import add_log_keys

    opened = open_site(site)
    keys = add_log_keys(opened, at=session.now())
    _print(session, opened, keys, "log-add-keys", "old and new keys sign together from now on")
    return 0


@click.command("retire-keys", short_help="Let the new keys sign alone.")
@click.option(
    "--without-witnesses",
    is_flag=True,
    help="Do not ask first if the witnesses know the new keys: for old keys that were stolen.",
)
@site_option
@common
@click.pass_obj
def retire_keys(session: Session, without_witnesses: bool, site: Path | None) -> int:
    """End a change of keys: the new ones sign alone, the old private keys are deleted.

    With a trust/policy its witnesses are asked first: unless a quorum of them cosigns what the new
    keys alone have signed, nothing is changed (exit 15). Each question ends after five seconds.

    Who has not got the new verifier keys by now refuses what is published from here on. Receipts
    made before stay good: trust/logs/site.vkeys names the old keys as retired, up to this size.

    \b
    Example
      radseal log retire-keys --site /srv/radseal
    """
    from ledger import WitnessError
    from provenance.site.log_key_change import require_witnesses_know, retire_log_keys

    opened = open_site(site)
    if not without_witnesses:
        try:
            require_witnesses_know(opened)
        except WitnessError as error:
            published = opened.log_key_files.published
            raise CommandError(
                Failure(
                    "the witnesses do not know the new keys of the log: nothing was changed",
                    str(error),
                    f"give {published} to the witnesses (the file logs of each, which is then "
                    "started again), then try again; --without-witnesses if the old keys were "
                    "stolen: then nothing is published until the witnesses know the new ones",
                    NOT_CHECKED,
                )
            ) from error
    keys = retire_log_keys(opened, at=session.now())
    _print(session, opened, keys, "log-retire-keys", "the new keys sign alone from now on")
    return 0


def _print(session: Session, site: "Site", keys: "LogKeys", name: str, words: str) -> None:
    published = site.log_key_files.published
    if session.as_json:
        fields: dict[str, object] = {
            "signing": list(keys.vkeys),
            "vkeys": published.read_text(encoding="utf-8"),
        }
        print_json(document(name, fields, exit_code=0))
        return
    say(words)
    say(f"  give {plain(published)} to those who verify, monitor and witness")
