"""`radseal tamper`: make a forgery, to see it found."""

from pathlib import Path

import click

from provenance.cli.options import common, force_option, output_file
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain

# Named here so that --help starts without an image library.
KINDS = (
    "lesion",
    "erase",
    "pixel",
    "laterality",
    "spacing",
    "identity",
    "transplant",
    "strip",
    "lossy",
    "screenshot",
)


@click.command(short_help="Make a test forgery, to see it found.")
@click.argument("kind", type=click.Choice(KINDS), metavar="KIND")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@output_file("The forgery; a screenshot may end in .png.")
@click.option(
    "--donor",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="For transplant: the object that gets the seal of PATH.",
)
@force_option
@common
@click.pass_obj
def tamper(
    session: Session, kind: str, path: Path, output: Path, donor: Path | None, force: bool
) -> int:
    """Forge the object PATH, for tests and teaching: never for a patient's record.

    \b
    KIND is one of
      lesion      blend a nodule into the image       identity    another patient's name
      erase       paint a conspicuous spot over       transplant  move the seal elsewhere
      pixel       one sample by one grey level        strip       remove the seal
      laterality  swap left and right                 lossy       a lossy copy without the seal
      spacing     measurements lie by a quarter       screenshot  a windowed 8-bit picture

    The forgery bears no label that it is one, so that verify has to find it: keep it apart.

    \b
    Examples
      radseal tamper lesion sealed/chest.dcm -o forged.dcm
      radseal tamper transplant sealed/a.dcm --donor b.dcm -o forged.dcm
      radseal verify forged.dcm --site /srv/radseal
    """
    from provenance.errors import UsageError
    from provenance.forgeries.tamper import tamper as forge

    if output.exists() and not force:
        raise UsageError(f"{output} exists already: give --force to overwrite it")
    forged = forge(kind, path, donor=donor)
    forged.write(output, overwrite=force)
    if session.as_json:
        fields: dict[str, object] = {
            "kind": forged.kind,
            "what": forged.what,
            "path": path_text(path),
            "output": path_text(output),
        }
        print_json(document("tamper", fields, exit_code=0))
        return 0
    say(f"forged  {plain(output)}")
    say(f"  {forged.kind}: {plain(forged.what)}")
    say("  do: keep it out of the archive; it is a forgery and does not say so")
    return 0
