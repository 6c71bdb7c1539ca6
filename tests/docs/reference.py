"""The reference, drawn from the code: commands, events, errors, parameters, roles."""

import inspect
import types
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from permits_engine.cli.output import exit_code
from permits_engine.commands import COMMANDS, PUBLIC
from permits_engine.domain import errors
from permits_engine.domain.events import EVENTS, Event
from permits_engine.domain.rules.parameters import KINDS
from permits_engine.policies.loading import compile_text, packaged
from permits_engine.policies.values import WANTED

_ENVELOPE = {"on", "command_id", "expected_version", "correlation_id", "causation_id"}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows as a Markdown table."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(each.replace('|', chr(92) + '|') for each in line)} |" for line in lines)


def _first(kind: Any) -> str:
    return (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")


def commands() -> str:
    """Every command: what it does and its fields, the optional ones with a question mark."""
    rows = []
    for name in PUBLIC:
        kind = COMMANDS[name]
        fields = [
            f"{field}{'' if info.is_required() else '?'}{_said(info.annotation)}"
            for field, info in kind.model_fields.items()
            if field not in _ENVELOPE
        ]
        rows.append([f"`{name}`", f"`{kind.__name__}`", _first(kind), ", ".join(fields)])
    return table(["command", "class", "does", "fields"], rows)


def _said(annotation: Any) -> str:
    """What a field takes, where its name does not say it."""
    words = {
        date: " (date)",
        datetime: " (instant)",
        bool: " (true or false)",
        int: " (number)",
        tuple: " (list)",
    }
    if get_origin(annotation) is Literal:
        return f" ({', '.join(map(str, get_args(annotation)))})"
    if get_origin(annotation) in {Union, types.UnionType}:
        return next((_said(each) for each in get_args(annotation) if each is not type(None)), "")
    if hasattr(annotation, "__metadata__"):
        return _said(get_args(annotation)[0])
    return words.get(get_origin(annotation) or annotation, "")


def events() -> str:
    """Every event: what it says in clear, what is encrypted under the holder's key, what may be corrected."""
    rows = []
    for name in sorted(EVENTS):
        kind = EVENTS[name]
        own = [field for field in get_type_hints(kind) if field not in get_type_hints(Event)]
        rows.append(
            [
                f"`{name}`",
                _first(kind),
                ", ".join(field for field in own if field not in kind.ENCRYPTED) or "-",
                ", ".join(sorted(kind.ENCRYPTED)) or "-",
                ", ".join(sorted(kind.CORRECTABLE)) or "-",
            ]
        )
    return table(["event", "says that", "fields", "encrypted", "correctable"], rows)


def error_codes() -> str:
    """Every code: its class in Python and the exit code of the command line."""
    rows = []
    for code in sorted(errors.CODES):
        problem = errors.error(code, "")
        kind = type(problem)
        rows.append([f"`{code}`", f"`{kind.__name__}`", str(exit_code(problem)), _first(kind)])
    return table(["code", "class", "exit", "means that"], rows)


def parameters() -> str:
    """Every parameter of a policy: what it takes, and how many dated values the packaged policies hold."""
    policies = {code: compile_text(packaged(code)) for code in ("MA", "FR", "ES")}
    rows = []
    for name, kind in KINDS.items():
        counts = [str(len(policy.parameters.get(name, ()))) for policy in policies.values()]
        rows.append([f"`{name}`", WANTED.get(kind, kind), *counts])
    return table(["parameter", "takes", *policies], rows)


def reading() -> str:
    """Who may read what in the packaged policy of Morocco."""
    [value] = compile_text(packaged("MA")).parameters["reading"]
    roles = list(dict.fromkeys(role for each in value.value.values() for role in each))
    rows = [[role, *(each.get(role, "-") for each in value.value.values())] for role in roles]
    return table(["role", "a file's dates and states", "names, contact, numbers, reasons"], rows)


def export_columns() -> str:
    """The columns of a table of events, in Parquet and CSV."""
    from permits_engine.audit.exports.columns import COLUMNS, PAYLOAD, PERSONAL

    kinds = {
        "long": "64-bit integer",
        "int": "32-bit integer",
        "text": "text",
        "code": "text",
        "date": "date",
        "instant": "timestamp, UTC",
        "bool": "boolean",
        "bytes": "bytes",
    }
    rows = [[f"`{each.name}`", kinds[each.kind], each.description] for each in (*COLUMNS, PAYLOAD, PERSONAL)]
    return table(["column", "type", "says"], rows)
