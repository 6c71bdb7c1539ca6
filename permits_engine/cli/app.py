"""The command line as a whole: its groups, the options before a command, and how it ends."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Annotated, Any

import typer
import typer.main

from permits_engine import __version__
from permits_engine.cli import (
    audit,
    dossier,
    exports,
    holders,
    integrity,
    keys,
    output,
    permits,
    policy,
    privacy,
    receipts,
    register,
    replay,
    report,
    rights,
    scheduler,
    store,
)
from permits_engine.cli.help import HELP, examples, refusal_of
from permits_engine.cli.options import given, hoisted
from permits_engine.domain.errors import PermitsError

STOPPED, CUT = 130, 141
"""Exit codes beside the contract's, as shells have them: stopped by Ctrl-C, nobody reads on."""

app = typer.Typer(
    name="permits",
    help="The life of residence permits: decided by dated law, kept as history, reminded in time.",
    epilog=examples(
        "permits init",
        "permits execute commands.jsonl",
        "permits show 0190… --as-of 2017-06-01",
        "permits --store postgresql://permits@db/permits status --json",
        last="--store and --json are understood anywhere on the line. Exit codes: 0 done, 1 refused or not "
        "found, 2 bad usage or input, 3 integrity broken, 4 no store.",
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (
    *(store, keys, permits, rights, receipts, holders, privacy, register),
    *(scheduler, policy, integrity, replay, audit, exports, report, dossier),
):
    room.add_to(app)


@cache
def command() -> Any:
    """Return the command line with all its groups, built once in a process: that takes longer than most commands."""
    return typer.main.get_command(app)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    given.store, given.machine = None, "--json" in typed
    output.prepare()
    try:
        code = _run(hoisted(typed))
        output.flush()
    except output.OutputError as problem:
        if problem.reason is None:
            return CUT
        output.say(f"permits: output.failed: the result cannot be written: {problem.reason}")
        return output.EXIT["refused"]
    return code


def _run(arguments: list[str]) -> int:
    try:
        result: Any = command()(args=arguments, prog_name="permits", standalone_mode=False)
    except PermitsError as problem:
        return output.fail(problem, machine=given.machine)
    except typer.Exit as leave:
        return leave.exit_code
    except typer.TyperException as problem:
        if type(problem).__name__ == HELP:
            output.out(problem.format_message())
            return 2
        return output.fail(refusal_of(problem), machine=given.machine)
    except (typer.Abort, KeyboardInterrupt):
        result = STOPPED
    except output.OutputError:
        raise
    except Exception as problem:
        if os.environ.get("PERMITS_DEBUG"):
            raise
        return output.crashed(problem, machine=given.machine)
    if result == STOPPED:  # which is also what typer makes of Ctrl-C
        output.say("permits: stopped")
    return result if isinstance(result, int) else 0


def _version(value: bool) -> None:
    if value:
        output.out(f"permits {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="URL",
            help="The store: sqlite:///FILE or postgresql://… [env: PERMITS_STORE; default: "
            "sqlite:///permits.db].",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    given.store = store
