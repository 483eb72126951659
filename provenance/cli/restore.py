"""`radseal restore`: the samples as they were before the mark."""

from pathlib import Path

import click

from provenance.cli.options import common, force_option, open_site, output_file, site_option
from provenance.cli.output import document, path_text, print_json, say
from provenance.cli.session import Session
from provenance.cli.terminal import plain


@click.command(short_help="Take the mark out: the original samples, bit for bit.")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@output_file("The restored object.")
@site_option
@force_option
@common
@click.pass_obj
def restore(session: Session, path: Path, output: Path, site: Path | None, force: bool) -> int:
    """Take the mark out of the sealed object PATH, bit for bit, and write it without its seal.

    The result is checked against the original that the seal names; it is written only if it is
    that original. Needs the site's mark key.

    \b
    Example
      radseal restore sealed/chest.dcm -o chest-original.dcm --site /srv/radseal
    """
    from provenance.errors import UsageError
    from provenance.marks.restore import restore as take_out

    opened = open_site(site)
    if output.exists() and not force:
        raise UsageError(f"{output} exists already: give --force to overwrite it")
    restored = take_out(path, mark_key=opened.mark_key, former_mark_keys=opened.former_mark_keys)
    restored.write(output, overwrite=force)
    fields: dict[str, object] = {
        "path": path_text(path),
        "output": path_text(output),
        "seal_id": restored.seal_id.hex(),
        "was_marked": restored.was_marked,
    }
    if session.as_json:
        print_json(document("restore", fields, exit_code=0))
        return 0
    what = (
        "the mark is out, the samples are the signed original"
        if restored.was_marked
        else ("it was sealed unmarked, the samples are as they were")
    )
    say(f"restored  {plain(output)}")
    say(f"  seal {restored.seal_id.hex()}: {what}; the copy carries no seal")
    return 0
