"""Lives of files, told in a line a step."""

from datetime import date
from typing import Any

from permits_engine.domain.permit.explanations import explained
from tests.model.world import POLICIES, Act, State, after, decided, lodged, waited


def a_life(
    *steps: tuple[str, str, dict[str, Any]], filed: str = "2019-01-07", where: str = "MA", category: str = ""
) -> State:
    """A file (by default of the ordinary category) and what happened to it: (day, command, fields)."""
    kind = category or ("ordinary" if where == "MA" else "temporary")
    state = lodged(where, kind, date.fromisoformat(filed))
    for day, name, fields in steps:
        on = date.fromisoformat(day)
        if on > state.today:
            state = waited(state, on)
        act = Act(name, on, tuple(fields.items()))
        state = after(state, act, decided(state, act))
    return state


def kinds(state: State, day: str) -> set[str]:
    """The kinds of the deadlines of a day."""
    return {clock["kind"] for clock in explained(state.at(date.fromisoformat(day)))}


def rules(state: State, day: str) -> dict[str, str]:
    """The parameter behind each deadline of a day."""
    by_id = POLICIES[state.jurisdiction].by_id
    return {
        clock["kind"]: by_id[clock["rule"]].name for clock in explained(state.at(date.fromisoformat(day)))
    }
