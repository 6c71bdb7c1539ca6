"""JSON Lines of commands in, one outcome line each out; a refused line stops nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from permits_engine.cli.output import as_json, out
from permits_engine.commands import Command, parse
from permits_engine.domain.errors import InputError, PermitsError, invalid
from permits_engine.domain.events import Actor

LONGEST = 1_000_000
"""Bytes of one line."""


def execute_lines(engine: Any, file: str) -> int:
    """Carry out every line in order; gives the exit code."""
    if file == "-":
        return _all(engine, sys.stdin.buffer)
    try:
        with Path(file).open("rb") as source:
            return _all(engine, source)
    except OSError as problem:
        raise invalid("FILE", f"{file}: {problem.strerror}") from None


def _all(engine: Any, source: BinaryIO) -> int:
    worst = 0
    for number, line in _lines(source):
        try:
            command, actor = read_line(line)
            outcome = engine.execute(command, actor=actor)
        except PermitsError as problem:
            if problem.code in {"store.unavailable", "store.not_initialised"}:
                raise
            out(as_json({"ok": False, "error": {**problem.as_dict(), "line": number}}))
            worst = 2 if problem.code == "input.invalid" else max(worst, 1)
            continue
        said: dict[str, Any] = {"ok": True}
        said |= {"permit_id": outcome.permit_id} if outcome.permit_id else {"holder_id": outcome.holder_id}
        said |= {"version": outcome.version, "events": list(outcome.events)}
        if outcome.replayed:
            said["replayed"] = True
        out(as_json(said))
        sys.stdout.flush()
    return worst


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers; blank ones are passed over, a longer one than allowed is cut short."""
    number = 0
    while True:
        line = source.readline(LONGEST + 1)
        if not line:
            return
        number += 1
        if len(line) > LONGEST and not line.endswith(b"\n"):
            while (rest := source.readline(LONGEST)) and not rest.endswith(b"\n"):
                pass
        if line.strip():
            yield number, line


def read_line(line: bytes) -> tuple[Command, Actor]:
    """One line as a command and its actor; raises ``input.invalid``."""
    if len(line) > LONGEST:
        raise invalid("line", f"is longer than {LONGEST} bytes")
    try:
        plain = json.loads(line.decode("utf-8-sig"), parse_constant=_no_constant, object_pairs_hook=_unique)
    except UnicodeDecodeError:
        raise invalid("line", "is not UTF-8 text") from None
    except (ValueError, RecursionError) as problem:
        raise invalid("line", f"is not JSON: {str(problem)[:200]}") from None
    if not isinstance(plain, dict):
        raise invalid("line", 'is not an object such as {"command": "lodge_application", …}')
    actor = actor_of(plain.pop("actor", None))
    return parse(plain.pop("command", None), plain), actor


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands twice")
    return found


def actor_of(plain: Any) -> Actor:
    """The actor of a line: id, role and, where there is one, office."""
    if not isinstance(plain, dict):
        raise invalid("actor", 'is missing; give {"id": …, "role": …, "prefecture": …}')
    unknown = set(plain) - {"id", "role", "prefecture"}
    if unknown:
        raise invalid(f"actor.{sorted(unknown)[0]}", "is not a field of actor")
    try:
        actor = msgspec.convert(plain, Actor)
    except msgspec.ValidationError as problem:
        raise InputError(
            "input.invalid", f"actor: {problem}", fields=[{"path": "actor", "reason": str(problem)}]
        ) from None
    for field in ("id", "role"):
        value = getattr(actor, field)
        if not value.strip() or len(value) > 200 or not value.isprintable():
            raise invalid(f"actor.{field}", "is blank, too long or not plain text")
    return actor
