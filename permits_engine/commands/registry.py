"""All commands by name, and commands from plain fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from permits_engine.commands import data_protection, holders, permits, removals
from permits_engine.commands.base import Command
from permits_engine.commands.validation import refusal, suggestion
from permits_engine.domain.errors import InputError

COMMANDS: dict[str, type[Command]] = {
    kind.name: kind
    for module in (holders, permits, removals, data_protection)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Command) and kind.name and kind.__name__[0] != "_"
}
"""Every command by its name."""

PUBLIC: tuple[str, ...] = tuple(sorted(name for name in COMMANDS if name != "run_clock"))


def parse(name: object, fields: Mapping[str, Any]) -> Command:
    """Return a command from its name and plain fields; raise ``input.invalid``."""
    if name is None:
        raise _unknown(f"is missing; there is: {', '.join(PUBLIC)}")
    kind = COMMANDS.get(name) if isinstance(name, str) and name in PUBLIC else None
    if kind is None:
        said = name[:60] if isinstance(name, str) else type(name).__name__
        raise _unknown(f"{said!r} is not a command{suggestion(said, PUBLIC)}")
    if not all(isinstance(key, str) for key in fields):
        raise _unknown("has a field whose name is not text")
    return kind(**fields)


def _unknown(reason: str) -> InputError:
    return refusal([{"path": "command", "reason": reason}])
