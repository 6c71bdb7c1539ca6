"""The error for a command line that typer cannot read."""

from __future__ import annotations

import re
from typing import Any

from typer import TyperException

from permits_engine.commands.validation import refusal, suggestion
from permits_engine.domain.errors import InputError


def refusal_of(problem: TyperException) -> InputError:
    """Return ``input.invalid`` for a line that typer refuses, with the option meant and where to look."""
    context = getattr(problem, "ctx", None)
    command = context.command_path if context is not None else "permits"
    path, reason = _fault(problem, command)
    return refusal([{"path": path, "reason": f"{reason.rstrip('.')}; see: {command} --help"}])


def _fault(problem: Any, command: str) -> tuple[str, str]:
    """Return the option or argument meant, and what is wrong with it."""
    kind, param = type(problem).__name__, getattr(problem, "param", None)
    if kind == "NoSuchOption":
        name = str(problem.option_name)
        there = [each for each in problem.possibilities or () if each.startswith("--")]
        return name, f"is not an option of {command}{suggestion(name, there)}"
    if kind == "BadOptionUsage":
        return str(problem.option_name), "needs a value"
    message = _plain(str(problem.message))
    if param is None:
        return command, message
    if kind == "MissingParameter":
        meaning = str(getattr(param, "help", None) or "").rstrip(".")
        return _name(param), f"is missing: {_lower(meaning)}" if meaning else "is missing"
    return _name(param), message


def _no_command(found: re.Match[str]) -> str:
    return f"{found[1]!r} is not a command{f'; did you mean {found[2]}?' if found[2] else ''}"


def _too_many(found: re.Match[str]) -> str:
    return f"takes no more arguments, and {found[1] or found[2]!r} is one too many"


_WORDS = (
    (r"Missing command\.", "names no command"),
    (r"Input should be a valid integer.*", "is not a whole number"),
    (r"Input should be a valid number.*", "is not a number"),
    (r"Input should be greater than or equal to (\S+)", r"is less than \1"),
    (r"Input should be less than or equal to (\S+)", r"is more than \1"),
    (r"No such command '([^']*)'\.?(?: Did you mean '?([^']*)'?\?)?", _no_command),
    (r"Got unexpected extra arguments? \((.*)\)|Got unexpected extra argument\(s\) \((.*)\)", _too_many),
)


def _plain(message: str) -> str:
    for pattern, words in _WORDS:
        if re.fullmatch(pattern, message):
            return re.sub(pattern, words, message)
    return _lower(message)


def _name(param: Any) -> str:
    if param.param_type_name == "option":
        return str(max(param.opts, key=len))
    return str(param.metavar or param.name).strip("[]")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
