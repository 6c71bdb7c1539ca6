"""Lives of files, told in a line a step."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.model.world import Act, State, after, decided, lodged, waited


def a_life(*steps: tuple[str, str, dict[str, Any]], filed: str = "2019-01-07", where: str = "MA") -> State:
    """A file of the ordinary category and what happened to it: (day, command, fields)."""
    category = "ordinary" if where == "MA" else "temporary"
    state = lodged(where, category, date.fromisoformat(filed))
    for day, name, fields in steps:
        on = date.fromisoformat(day)
        if on > state.today:
            state = waited(state, on)
        act = Act(name, on, tuple(fields.items()))
        state = after(state, act, decided(state, act))
    return state
