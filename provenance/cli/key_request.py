"""`radseal key request` and `sign-request`: a device asks for a certificate, a person grants it."""

from datetime import timedelta
from pathlib import Path

import click

from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.key_output import ROLES, key_fields, key_option, parse_place, tell_key
from provenance.cli.options import common, force_option, open_site, output_file, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain


@click.command(short_help="Ask for a certificate for a key: on the device.")
@click.argument("role", type=click.Choice(ROLES))
@click.argument("name")
@output_file("Where the request goes (PEM, PKCS#10).")
@key_option
@click.option(
    "--algorithm",
    type=click.Choice(("ed25519", "esp256")),
    default="esp256",
    show_default=True,
    help="Of a new key.",
)
@force_option
@common
@click.pass_obj
def request(
    session: Session,
    role: str,
    name: str,
    output: Path,
    named: str | None,
    algorithm: str,
    force: bool,
) -> int:
    """Write a request for a certificate for a key that shall sign as NAME in ROLE.

    Needs no site: it is for the machine that holds the private key, which does not leave it. With
    --key the key is the one that lies there, on a token or in a file; a file that is not there yet
    is made, and without --key it is made beside the request (request.key.pem). Compare the
    fingerprint that is shown with what radseal key sign-request shows.

    \b
    Examples
      radseal key request device "CT 3" -o ct-3.csr
      radseal key request device "CT 3" -o ct-3.csr \\
        --key 'pkcs11:token=ct-3;object=seal?module-path=/usr/lib/softhsm/libsofthsm2.so'
    """
    from ledger import Algorithm, Role, VerificationKey
    from provenance.keys.key_places import KeyPlace
    from provenance.site.enrolment import place_for_request
    from provenance.site.key_request import make_request, request_pem
    from provenance.whole_file import write_whole

    beside = KeyPlace(output.absolute().with_suffix(".key.pem"))
    place = beside if named is None else parse_place(named)
    assert place is not None
    if output.exists() and not force:
        raise click.UsageError(f"{output} exists already: give --force to overwrite it")
    made = place_for_request(place, Algorithm[algorithm.upper()])
    signer = place.signer()
    write_whole(
        output, request_pem(make_request(signer, name=name, role=Role(role))), overwrite=force
    )
    fingerprint = VerificationKey.from_spki(signer.spki).kid.hex()
    if session.as_json:
        fields: dict[str, object] = {
            "request": path_text(output),
            "role": role,
            "name": name,
            "key": str(place),
            "made": made,
            "fingerprint": fingerprint,
        }
        print_json(document("key-request", fields, exit_code=0))
        return 0
    say(f"{plain(output)}: {plain(name)} asks to sign as {role}")
    say(f"  key          {plain(str(place))}{', new: it stays there' if made else ''}")
    say(f"  fingerprint  {fingerprint}")
    return 0


@click.command("sign-request", short_help="Grant a request: certificate, and entry in the log.")
@click.argument("request", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--role", type=click.Choice(ROLES), required=True, help="What it may sign.")
@click.option(
    "--fingerprint", metavar="HEX", help="Of the key, as its device shows it: 32 digits or more."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where the certificate goes. Default: beside the request (.pem).",
)
@click.option(
    "--days", type=click.IntRange(1, 36_500), help="How long it is good. Default: without end."
)
@force_option
@site_option
@common
@click.pass_obj
def sign_request(
    session: Session,
    request: Path,
    role: str,
    fingerprint: str | None,
    output: Path | None,
    days: int | None,
    force: bool,
    site: Path | None,
) -> int:
    """Certify the key of REQUEST by the site's own authority, and let it sign in the log.

    Without --fingerprint it only shows who asks for what, with which key. Compare that with what
    radseal key request showed on the device itself, over another way than the request came, and
    give it then. The request must be signed by the key it is for. The same request again gives the
    same certificate again.

    \b
    Example
      radseal key sign-request ct-3.csr --role device --site /srv/radseal
      radseal key sign-request ct-3.csr --role device --site /srv/radseal \\
        --fingerprint 1f0c...
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from ledger import Role
    from provenance.errors import MalformedError
    from provenance.site.enrolment import enrol, require_confirmed
    from provenance.site.key_request import MAX_REQUEST, read_request
    from provenance.trust.certificates import NO_EXPIRY
    from provenance.whole_file import write_whole

    opened = open_site(site)
    try:
        with request.open("rb") as file:
            asked = read_request(file.read(MAX_REQUEST + 1))
    except MalformedError as error:
        raise click.UsageError(f"{request}: {error}") from error
    target = output or request.with_suffix(".pem")
    if fingerprint is None:
        raise CommandError(
            Failure(
                f"nothing was signed: {plain(asked.name)} asks to sign as "
                f"{asked.role or 'whatever it is given'}, with the {asked.key.algorithm.name} key "
                f"{asked.fingerprint}",
                why="who is certified seals images that everybody here believes",
                do="compare the fingerprint with what the device shows, then give --fingerprint",
                exit_code=USAGE,
            )
        )
    require_confirmed(asked, fingerprint)
    if target.exists() and not force:
        raise click.UsageError(f"{target} exists already: give --force to overwrite it")
    at = session.now()
    until = NO_EXPIRY if days is None else at + timedelta(days=days)
    added, certificate = enrol(opened, asked, role=Role(role), at=at, valid_until=until)
    write_whole(target, certificate.public_bytes(Encoding.PEM), overwrite=force)
    if session.as_json:
        fields = {**key_fields(added), "certificate": path_text(target)}
        print_json(document("key-sign-request", fields, exit_code=0))
        return 0
    code = tell_key(
        session, added, "key-sign-request", f"may sign as {role} after entry {added.added_index}"
    )
    say(f"  certificate  {plain(target)}")
    return code
