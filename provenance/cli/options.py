"""Options that several verbs share, with the same words everywhere."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from provenance.cli.failure import USAGE, CommandError, Failure
from provenance.cli.session import Session

if TYPE_CHECKING:
    from provenance.site.site import Site

F = TypeVar("F", bound=Callable[..., Any])


def _set_json(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    session = ctx.find_object(Session)
    if session is not None:
        session.as_json = value
    return value


json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    callback=_set_json,
    help="Print one JSON object on stdout; everything else goes to stderr.",
)
debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."
)
site_option = click.option(
    "--site",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="RADSEAL_SITE",
    show_envvar=True,
    help="The site's folder, as radseal init made it.",
)
force_option = click.option("--force", is_flag=True, help="Overwrite what is already there.")


def common(function: F) -> F:
    """Give a verb the options that all verbs have."""
    return json_option(debug_option(function))


def output_file(words: str) -> Callable[[F], F]:
    """The option -o FILE."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        required=True,
        metavar="FILE",
        help=words,
    )


def open_site(folder: Path | None) -> "Site":
    """Open the site; a usage error says how to name one."""
    from provenance.site.site import Site

    if folder is None:
        raise CommandError(
            Failure(
                "no site was named",
                why="this command needs the keys and the ledger of a site",
                do="give --site FOLDER, or set RADSEAL_SITE; make a site with radseal init FOLDER",
                exit_code=USAGE,
            )
        )
    return Site.open(folder)


def require_files(paths: tuple[Path, ...], missing: tuple[Path, ...]) -> None:
    """Refuse to begin when a named input does not exist."""
    if missing:
        raise CommandError(
            Failure(
                f"{len(missing)} of {len(paths)} inputs do not exist, the first: {missing[0]}",
                why="there is no file or folder of that name, and nothing has been done yet",
                do="check the path",
                exit_code=16,
            )
        )
