"""JSON Lines of commands in, one outcome line each out; a refused line stops nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from permits_engine.application.outcome import Outcome
from permits_engine.cli import output
from permits_engine.cli.command import command
from permits_engine.cli.operator import Operator
from permits_engine.cli.options import argument, flag
from permits_engine.cli.session import Session
from permits_engine.commands import Command, parse
from permits_engine.commands.fields import label, office
from permits_engine.commands.validation import refusal, suggestion
from permits_engine.domain.errors import InputError, PermitsError, invalid
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine

LONGEST = 1_000_000
"""Bytes of one line."""
_ACTOR = 'give {"id": …, "role": …, "prefecture": …}'


@command(
    "execute",
    "permits execute filing.jsonl",
    """echo '{"command": "lodge_application", "on": "2016-12-20", "actor": {"id": …}, …}' | permits execute -""",
)
def execute(
    engine: Engine,
    session: Session,
    json: Annotated[bool, flag("--json", "Outcomes are JSON Lines with or without it.")] = False,
    file: Annotated[str, argument("FILE", "JSON Lines of commands; - is standard input.")] = "-",
) -> int:
    """Carry out commands from JSON Lines.

    One outcome line each; a refused line stops nothing. After all lines the exit code is 2 where one could
    not be read, else 1 where one was refused.
    """
    if file != "-":
        with _opened(file) as source:
            code = _execute(engine, source, session.operator)
    elif getattr(sys, "stdin", None) is None:
        raise invalid("FILE", "standard input is closed; name a file of JSON Lines")
    else:
        if sys.stdin.isatty():
            output.say("permits: type one command a line as JSON; end with Ctrl-D")
        code = _execute(engine, sys.stdin.buffer, session.operator)
    if engine.privacy.unfinished_erasures():  # where a line has erased a holder
        engine.privacy.finish_erasures(letters=session.settings.mail_folder)
    return code


def _opened(file: str) -> BinaryIO:
    try:
        return Path(file).open("rb")
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or "cannot be opened"
        raise invalid(
            "FILE", f"{file}: {reason}; name a file of JSON Lines, or - for standard input"
        ) from None


def _execute(engine: Engine, source: BinaryIO, operator: Operator) -> int:
    """Carry out every line in order, in the roles that the operator is granted; give the exit code.

    Where the store is lost the last outcome says so, and the lines after it are not carried out.
    """
    worst = 0
    for number, line in _lines(source):
        try:
            given, actor = read_line(line)
            operator.check(actor)
            outcome = _outcome(engine.execute(given, actor=actor))
        except PermitsError as problem:
            outcome = {"ok": False, "error": {**problem.as_dict(), "line": number}}
            worst = max(worst, output.exit_code(problem))
        output.out(output.as_json(outcome))
        # A program that writes commands may wait for this outcome before it writes the next.
        output.flush()
        if worst == output.EXIT["store"]:
            output.say(f"permits: the store was lost at line {number}; give that line and the rest again")
            break
    return worst


def _outcome(outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {"ok": True}
    found |= {"permit_id": outcome.permit_id} if outcome.permit_id else {"holder_id": outcome.holder_id}
    found |= {"version": outcome.version, "events": list(outcome.events)}
    return found | ({"replayed": True} if outcome.replayed else {})


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield lines with their numbers; skip blank ones, cut those that are longer than allowed."""
    number = 0
    try:
        while line := source.readline(LONGEST + 1):
            number += 1
            if len(line) > LONGEST and not line.endswith(b"\n"):
                while (rest := source.readline(LONGEST)) and not rest.endswith(b"\n"):
                    pass
            if line.strip():
                yield number, line
    except OSError as problem:
        raise invalid("FILE", f"cannot be read after line {number}: {problem.strerror}") from None


def read_line(line: bytes) -> tuple[Command, Actor]:
    """Read one line as a command and its actor; raises ``input.invalid`` with every bad field of both."""
    plain = _object(line)
    faults: list[dict[str, str]] = []
    actor = _actor(plain.pop("actor", None), faults)
    try:
        given = parse(plain.pop("command", None), plain)
    except InputError as problem:
        raise refusal([*faults, *problem.details["fields"]]) if faults else problem from None
    if faults:
        raise refusal(faults)
    return given, actor


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > LONGEST:
        raise invalid("line", f"is longer than {LONGEST:,} bytes; shorten its texts")
    try:
        plain = json.loads(line.decode("utf-8-sig"), parse_constant=_no_constant, object_pairs_hook=_unique)
    except UnicodeDecodeError as problem:
        raise invalid(
            "line", f"is not UTF-8 text (byte {problem.start + 1}); save the file as UTF-8"
        ) from None
    except RecursionError:
        raise invalid("line", "is nested too deep; a command is one flat object") from None
    except ValueError as problem:
        raise invalid("line", f"is not JSON: {_what(problem)}") from None
    if not isinstance(plain, dict):
        raise invalid("line", 'is not an object such as {"command": "lodge_application", …}')
    return plain


def _what(problem: ValueError) -> str:
    if isinstance(problem, json.JSONDecodeError):
        return f"{problem.msg} at character {problem.pos + 1}"
    reason = str(problem)
    return "a number has too many digits" if "int_max_str_digits" in reason else reason


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the field {name[:80]!r} is given twice")
        found[name] = value
    return found


def _actor(plain: Any, faults: list[dict[str, str]]) -> Actor:
    """Read the actor of a line: id, role and, where there is one, office; add what is wrong to ``faults``."""

    def fault(path: str, reason: str) -> None:
        faults.append({"path": path, "reason": reason})

    if not isinstance(plain, dict):
        fault("actor", f"{'is missing' if plain is None else 'is not an object'}; {_ACTOR}")
        return Actor("", "")
    for name in sorted(set(plain) - {"id", "role", "prefecture"}):
        fault(f"actor.{name}", f"is not a field of actor{suggestion(name, ('id', 'role', 'prefecture'))}")
    values: dict[str, str] = {}
    for name, check in (("id", label), ("role", label), ("prefecture", office)):
        value = plain.get(name)
        if value is None:
            if name != "prefecture":
                fault(f"actor.{name}", f"is missing; {_ACTOR}")
            continue
        try:
            if not isinstance(value, str):
                raise ValueError("is not text; write it in quotes")
            if len(value) > 200:
                raise ValueError("is too long: 200 characters at most")
            values[name] = check(value)
        except ValueError as problem:
            fault(f"actor.{name}", str(problem))
    return Actor(values.get("id", ""), values.get("role", ""), values.get("prefecture"))
