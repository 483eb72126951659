"""The entry point: reads the clock, turns errors into words and exit codes, loads verbs lazily."""

import importlib
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from provenance import __version__
from provenance.cli.failure import Failure, failure_of, known_errors, usage_failure
from provenance.cli.output import print_failure, print_trace
from provenance.cli.session import Session
from provenance.cli.terminal import colour_wanted

# Verb -> module of provenance.cli that holds its command under the same name.
VERBS: Mapping[str, str] = {
    "init": "init",
    "seal": "seal",
    "verify": "verify",
    "inspect": "inspect",
    "attest": "attest",
    "trace": "trace",
    "correct": "correct",
    "timestamp": "timestamp",
    "study": "study",
    "derive": "derive",
    "restore": "restore",
    "deidentify": "deidentify",
    "reidentify": "reidentify",
    "watermark": "watermark",
    "key": "key",
    "log": "log",
    "outbox": "outbox",
    "witness": "witness",
    "policy": "policy",
    "serve": "serve",
    "gateway": "gateway",
    "tamper": "tamper",
    "explain": "explain",
    "doctor": "doctor",
    "demo": "demo",
}
INTERRUPTED = 130  # 128 + SIGINT, as shells count


class Root(click.Group):
    """Knows its verbs by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which one needs them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"provenance.cli.{VERBS[cmd_name]}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def main(  # type: ignore[override]  # it never returns
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> None:
        """Run one command and exit with its code; every error of ours becomes words."""
        words = list(sys.argv[1:] if args is None else args)
        extra.setdefault("obj", Session(started=datetime.now(UTC)))
        extra.setdefault("color", colour_wanted())
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            code = super().main(
                words,
                prog_name or "radseal",
                complete_var or "_RADSEAL_COMPLETE",
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.ClickException as error:
            _fail(usage_failure(error), words)
        except (click.Abort, KeyboardInterrupt):
            _fail(_INTERRUPTION, words)
        except known_errors() as error:
            if "--debug" in words:
                print_trace(error)
            _fail(failure_of(error), words)
        sys.exit(code if isinstance(code, int) else 0)


_INTERRUPTION = Failure(
    "interrupted",
    why="the command was stopped before it was done",
    do="run it again; radseal seal takes up where it stopped with --resume",
    exit_code=INTERRUPTED,
)


def _fail(failure: Failure, words: Sequence[str]) -> None:
    print_failure(failure, as_json="--json" in words)
    sys.exit(failure.exit_code)


@click.command(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nShell completion: see `docs/command.md`.\nExit codes: radseal explain exit-codes",
)
@click.version_option(__version__, prog_name="radseal", message="%(prog)s %(version)s")
def cli() -> None:
    """Proof of origin for DICOM images: seal at the device, verify anywhere.

    \b
    First steps
      radseal init SITE            make keys, certificates and a log
      radseal seal IMG -o OUT      seal images (needs --site or RADSEAL_SITE)
      radseal verify OUT           the verdict on each object
    """


def main() -> None:
    """Run the command line."""
    cli.main()
