"""`radseal study`: what belongs to a study, signed when it is complete, and compared later."""

import click

from provenance.cli.study_close import close
from provenance.cli.study_verify import verify


@click.group(short_help="Close a study, and see whether it is whole.")
def study() -> None:
    """Find missing, extra, exchanged and repeated images of a study.

    \b
    Examples
      radseal study close /archive/study --site /srv/radseal --kos study.ko.dcm
      radseal study verify /received/study --site /srv/radseal
    """


study.add_command(close)
study.add_command(verify)
