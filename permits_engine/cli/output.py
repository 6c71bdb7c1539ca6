"""What commands print: results to standard output, messages to standard error; tables or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from permits_engine.domain.errors import PermitsError

EXIT = {"input": 2, "integrity": 3, "store": 4}
"""Exit codes by family of error; every other refusal is 1."""


def as_json(value: Any) -> str:
    """A value as JSON on one line, dates in ISO 8601."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def out(text: str = "") -> None:
    """One line of a result."""
    sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """One line to the person, beside the result."""
    sys.stderr.write(text + "\n")


def fail(problem: PermitsError, *, machine: bool) -> int:
    """Tell an error and give its exit code."""
    if machine:
        out(as_json({"error": problem.as_dict()}))
    say(f"permits: {problem.code}: {problem.message}")
    for fault in problem.details.get("problems", [])[1:]:
        say(f"  line {fault['line']}, {fault['path']}: {fault['reason']}")
    allowed = problem.details.get("allowed")
    if allowed:
        say(f"  possible now: {', '.join(allowed)}")
    return exit_code(problem)


def exit_code(problem: PermitsError) -> int:
    """The exit code that the contract gives to an error."""
    if problem.code == "policy.invalid":
        return 2
    return EXIT.get(problem.family, 1)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Rows as aligned columns; nothing is cut."""
    if not rows:
        say("nothing found")
        return
    names = list(columns or rows[0])
    cells = [[cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[at]) for line in cells)) for at, name in enumerate(names)]
    out("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip())
    for line in cells:
        out("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def pairs(values: Mapping[str, Any]) -> None:
    """One field to a line."""
    width = max(map(len, values), default=0)
    for name, value in values.items():
        out(f"{name.ljust(width)}  {cell(value)}")


def cell(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={cell(each)}" for name, each in value.items())
    if isinstance(value, str | int | float | date):
        return str(value)
    if isinstance(value, Iterable):
        return ", ".join(cell(each) for each in value)
    return str(value)
