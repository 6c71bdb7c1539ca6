"""Results of parts added up to those of a whole history."""

from __future__ import annotations

from typing import Any

import msgspec


def add_up(whole: msgspec.Struct, more: msgspec.Struct) -> None:
    """Add each field of another part's result: numbers, lists, and tables by name."""
    for name in whole.__struct_fields__:
        setattr(whole, name, _sum(getattr(whole, name), getattr(more, name)))


def _sum(mine: Any, theirs: Any) -> Any:
    if isinstance(mine, msgspec.Struct):
        add_up(mine, theirs)
    elif isinstance(mine, dict):
        for name, value in theirs.items():
            mine[name] = _sum(mine[name], value) if name in mine else value
    else:
        mine += theirs
    return mine


def tally(counts: dict[Any, int], name: Any, number: int = 1) -> None:
    """Count one more, or several, under a name."""
    counts[name] = counts.get(name, 0) + number
