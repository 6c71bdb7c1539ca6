"""The decorator that makes a function a command: it opens the store, prints the answer, gives the exit code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Annotated, Any, NamedTuple, TypeVar, get_type_hints

import typer

from permits_engine.cli import output
from permits_engine.cli.registry import COMMANDS, REGISTERED, LazyGroup, example_lines, plain_help
from permits_engine.domain.errors import PermitsError

GIVEN = frozenset({"session", "engine", "reader", "actor", "progress"})
"""Parameters that are not options: the decorator passes what their names say."""
Function = TypeVar("Function", bound=Callable[..., Any])
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Purpose = Annotated[
    str | None,
    typer.Option("--purpose", metavar="TEXT", help="What personal data are read for; auditors have to say."),
]


class Answer(NamedTuple):
    """A result that is shown to people in its own way, or that has an exit code of its own.

    With a ``problem`` it is shown to people only, and the command ends with that error. A ``hint`` follows the
    result on standard error.
    """

    data: Any
    show: Callable[[], object]
    code: int = 0
    problem: PermitsError | None = None
    hint: str = ""


def answer(data: Any, *lines: str, code: int = 0) -> Answer:
    """Return a result that people read as lines of text."""
    return Answer(data, lambda: output.out("\n".join(lines)), code)


class _Form(NamedTuple):
    """What a decorator says about its command."""

    name: str
    examples: Sequence[str]
    roles: Sequence[str]
    decrypt: bool
    progress: str
    purpose: bool
    show: Callable[[Any], object]


def command(
    name: str,
    *examples: str,
    roles: Sequence[str] = (),
    decrypt: bool = True,
    progress: str = "",
    purpose: bool = False,
    show: Callable[[Any], object] = output.table,
) -> Callable[[Function], Function]:
    """Put a function on the command line; its parameters are the arguments and options.

    Some names are passed by the decorator: ``session``; ``engine``, open (without the master key where not
    ``decrypt``); ``reader``, for each granted role until one may read, with ``purpose`` as an option; ``actor``, the
    operator in the first of ``roles`` that is granted; ``progress``, a bar with that label. The function returns
    data, which ``show`` prints for people; or an ``Answer``; or an exit code, where it has printed everything.
    """
    form = _Form(name, examples, roles, decrypt, progress, purpose, show)

    def register(function: Function) -> Function:
        REGISTERED[name] = lambda: _built(function, form)
        return function

    return register


def _built(function: Callable[..., Any], form: _Form) -> Any:
    """Build the command as typer knows it."""

    def run(context: typer.Context, **options: Any) -> int:
        if context.invoked_subcommand is not None:
            return 0
        return _print(_result(function, form, options), form, machine=options["json"])

    parameters = _parameters(function, form)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__doc__ = function.__doc__
    app = typer.Typer(name=form.name, cls=LazyGroup, invoke_without_command=True, **plain_help())
    epilog = example_lines(*form.examples)
    if any(words.startswith(f"{form.name} ") for words in COMMANDS):
        app.callback(epilog=epilog)(run)
    else:
        app.command(form.name.rpartition(" ")[2], epilog=epilog)(run)
    return typer.main.get_command(app)


def _parameters(function: Callable[..., Any], form: _Form) -> list[inspect.Parameter]:
    """Return the options of a command, with those that the decorator adds."""
    own = {
        each.name: each for each in inspect.signature(function).parameters.values() if each.name not in GIVEN
    }

    def typed() -> None:
        """Carry the annotations to be resolved; classes of given parameters need not be loaded."""

    typed.__annotations__ = {name: function.__annotations__[name] for name in own}
    hints = get_type_hints(typed, vars(inspect.getmodule(function)), include_extras=True)
    found = [_parameter("context", typer.Context)]
    found += [_parameter(name, hints[name], each.default) for name, each in own.items()]
    if form.purpose:
        found.append(_parameter("purpose", Purpose, None))
    if "json" not in own:
        found.append(_parameter("json", Json, False))
    return found


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _result(function: Callable[..., Any], form: _Form, options: dict[str, Any]) -> Any:
    """Call the function with its options and with what it wants to be given."""
    wanted = GIVEN & set(inspect.signature(function).parameters)
    purpose = options.pop("purpose", None) if form.purpose else None
    given = {name: value for name, value in options.items() if name in inspect.signature(function).parameters}
    if not wanted:
        return function(**given)
    from permits_engine.cli.session import Session  # loads the engine, which other commands do not need

    session = Session()
    if form.roles:
        session.operator.require(*form.roles)
    if "session" in wanted:
        given["session"] = session
    if "actor" in wanted:
        given["actor"] = session.operator.acting(*form.roles)
    with ExitStack() as stack:
        if wanted & {"engine", "reader"}:
            engine = stack.enter_context(session.open(decrypt=form.decrypt))
        if "progress" in wanted:
            given["progress"] = stack.enter_context(output.bar(form.progress))
        if "engine" in wanted:
            given["engine"] = engine
        if "reader" not in wanted:
            return function(**given)
        return session.operator.ask(engine, lambda reader: function(reader=reader, **given), purpose)


def _print(result: Any, form: _Form, *, machine: bool) -> int:
    """Print a result as JSON or for people; give the exit code."""
    if isinstance(result, int):
        return result
    found = result if isinstance(result, Answer) else Answer(result, lambda: form.show(result))
    if not machine:
        found.show()
    if found.problem is not None:
        raise found.problem
    if machine:
        output.out(output.as_json(found.data))
    after = getattr(found.data, "next", None)  # of a page
    hint = (
        f"{len(found.data)} shown; --limit shows more, --after {after} the next ones" if after else found.hint
    )
    if hint:
        output.say(hint)
    return found.code
