"""The command line as a whole: the options before a command, and how a line ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import typer
import typer.main

from permits_engine import __version__
from permits_engine.cli import output
from permits_engine.cli.registry import LazyGroup, example_lines, line
from permits_engine.domain.errors import PermitsError

STOPPED, CUT = 130, 141
"""Exit codes beside the contract's, as shells have them: stopped by Ctrl-C, output no longer read."""
_NO_COMMAND = "NoArgsIsHelpError"
"""What typer raises for a group without a command; the class has no public name."""

app = typer.Typer(
    name="permits",
    cls=LazyGroup,
    help="The life of residence permits: decided by dated law, kept as history, reminded in time.",
    epilog=example_lines(
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


@cache
def command() -> Any:
    """Return the command line as typer knows it, built once in a process."""
    return typer.main.get_command(app)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit code."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    line.store, line.machine = None, "--json" in typed
    output.prepare()
    try:
        code = _run(_in_order(typed))
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
        return output.fail(problem, machine=line.machine)
    except typer.Exit as leave:
        return leave.exit_code
    except typer.TyperException as problem:
        if type(problem).__name__ == _NO_COMMAND:
            output.out(problem.format_message())
            return output.EXIT["input"]
        from permits_engine.cli.usage import refusal_of  # loads what --help does not need

        return output.fail(refusal_of(problem), machine=line.machine)
    except (typer.Abort, KeyboardInterrupt):
        result = STOPPED
    except output.OutputError:
        raise
    except Exception as problem:
        if os.environ.get("PERMITS_DEBUG"):
            raise
        return output.crashed(problem, machine=line.machine)
    if result == STOPPED:  # which is also what typer makes of Ctrl-C
        output.say("permits: stopped")
    return result if isinstance(result, int) else 0


def _in_order(arguments: list[str]) -> list[str]:
    """Move ``--store`` before the command and ``--json`` behind it, wherever they were typed."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    front: list[str] = []
    back: list[str] = []
    rest: list[str] = []
    typed = iter(arguments[:end])
    for each in typed:
        if each.startswith("--store="):
            front.append(each)
        elif each == "--store":
            value = next(typed, None)
            if value is None:
                return [each]  # typer says that it needs a value
            front += [each, value]
        elif each == "--json" and not rest:
            back.append(each)
        else:
            rest.append(each)
    return [*front, *rest, *back, *arguments[end:]]


def _show_version(wanted: bool) -> None:
    if wanted:
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
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    line.store = store
