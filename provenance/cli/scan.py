"""`radseal scan`: judge whole archives. `radseal scan SOURCE` is `radseal scan run SOURCE`."""

import click

from provenance.cli.scan_report import report
from provenance.cli.scan_run import run


class _Scan(click.Group):
    """Takes what is none of its verbs for the source of a run."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``run`` before a source or an option of a run."""
        if args and args[0] not in (*self.commands, *self.get_help_option_names(ctx)):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Scan, short_help="Judge whole archives, resumable.")
def scan() -> None:
    """Judge every object of a folder, an Orthanc or a DICOMweb archive, once each.

    `radseal scan SOURCE` is short for `radseal scan run SOURCE`; a folder that is called like a
    verb is written ./run.

    \b
    Examples
      radseal scan /archive/2026 --site /srv/radseal
      radseal scan orthanc+http://127.0.0.1:8042 --site /srv/radseal --jobs 4
      radseal scan --resume 20261130T154500-3fa21c --site /srv/radseal
      radseal scan report 20261130T154500-3fa21c --site /srv/radseal --csv > found.csv
    """


scan.add_command(run)
scan.add_command(report)
