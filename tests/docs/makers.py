"""The sections of the documents that are made from the code."""

from __future__ import annotations

from collections.abc import Callable

from permits_engine.domain import diagram
from permits_engine.domain.lifecycle import ACTS_FROM


def _diagram() -> str:
    return f"```mermaid\n{diagram.diagram()}\n```"


def _acts() -> str:
    lines = ["| event | acts from |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| `{name}` | {since} |" for name, since in ACTS_FROM.items())])


MAKERS: dict[str, Callable[[], str]] = {
    "diagram": _diagram,
    "commands by state": diagram.table,
    "acts from": _acts,
}
