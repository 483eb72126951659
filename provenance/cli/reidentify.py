"""`radseal reidentify`: from a de-identified copy back to its original, for who may."""

from pathlib import Path

import click

from provenance.cli.options import common, open_site, site_option
from provenance.cli.output import document, print_json, say
from provenance.cli.session import Session


@click.command(short_help="Lead a de-identified copy back to its original.")
@click.argument("subject", metavar="PATH|SEAL_ID")
@click.option("--copies", is_flag=True, help="SUBJECT is an original: name its copies.")
@site_option
@common
@click.pass_obj
def reidentify(session: Session, subject: str, copies: bool, site: Path | None) -> int:
    """Say of which object the de-identified copy SUBJECT was made, and prove it.

    SUBJECT is a file or a seal id in hex. Needs the site's ledger with its annex key, and
    keys/reidentify.key. What leads back was kept when the copy was made, and is destroyed when the
    copy is erased (radseal log erase): to forget a patient, erase the copies of each original, too.
    Whose the original is, is in the original: radseal trace.

    \b
    Examples
      radseal reidentify a-research.dcm --site /srv/radseal
      radseal reidentify a.dcm --copies --site /srv/radseal
    """
    from provenance.deidentification.reidentify import copies_of, object_id_of
    from provenance.deidentification.reidentify import reidentify as go_back

    opened = open_site(site)
    key, object_id = opened.reidentification_key, object_id_of(subject)
    with opened.reading_log() as log:
        if copies:
            return _show_copies(session, object_id, list(copies_of(object_id, log, key=key)))
        found = go_back(object_id, log, key=key)
    if session.as_json:
        fields: dict[str, object] = {
            "seal_id": found.object_id.hex(),
            "original": found.parent_id.hex(),
            "original_leaf": found.parent_leaf.hex(),
            "original_log_index": found.log_index,
        }
        print_json(document("reidentify", fields, exit_code=0))
        return 0
    where = "logged elsewhere" if found.log_index is None else f"log {found.log_index}"
    say(f"seal {found.object_id.hex()} was made of seal {found.parent_id.hex()}, {where}")
    say("  the commitment in its statement opens to that object, and to no other")
    return 0


def _show_copies(session: Session, original: bytes, copies: list[bytes]) -> int:
    if session.as_json:
        fields = {"original": original.hex(), "copies": [each.hex() for each in copies]}
        print_json(document("reidentify-copies", fields, exit_code=0))
        return 0
    for each in copies:
        say(each.hex())
    return 0
