"""The command line as a whole: its groups, the options before a command, and how it ends."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from permits_engine import __version__
from permits_engine.cli import output, permits, rules, scheduler, store
from permits_engine.cli.options import given
from permits_engine.domain.errors import InputError, PermitsError

app = typer.Typer(
    name="permits",
    help="The life of residence permits: decided by dated law, kept as history, reminded in time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (store, permits, scheduler, rules):
    room.add_to(app)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    given.machine = "--json" in (sys.argv[1:] if arguments is None else arguments)
    given.store = None
    try:
        result = app(args=arguments, standalone_mode=False)
        return int(result) if isinstance(result, int) else 0
    except PermitsError as problem:
        return output.fail(problem, machine=given.machine)
    except typer.Exit as leave:
        return leave.exit_code
    except typer.TyperException as problem:
        if type(problem).__name__ == "NoArgsIsHelpError":
            output.out(problem.format_message())
            return 2
        refusal = InputError("input.invalid", problem.format_message(), fields=[])
        return output.fail(refusal, machine=given.machine)
    except (typer.Abort, KeyboardInterrupt):
        output.say("permits: stopped")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _version(value: bool) -> None:
    if value:
        output.out(f"permits {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    store: Annotated[
        str | None,
        typer.Option(
            "--store", metavar="URL", help="The store (PERMITS_STORE; default sqlite:///permits.db)."
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    given.store = store
