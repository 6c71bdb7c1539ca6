"""The state diagram, drawn from the lifecycle table itself (Mermaid)."""

from __future__ import annotations

from permits_engine.domain.decisions.lifecycle import TRANSITIONS, Transition

TITLE = ("none", "active", "expired_in_window", "expired", "revoked", "lost_by_absence", "closed")
APPLICATION = (
    "incomplete",
    "under_review",
    "suspended",
    "implicitly_refused",
    "granted",
    "refused",
    "returned",
    "implicitly_granted",
)
BY_TIME = (
    ("active", "expired_in_window", "valid_until passes"),
    ("expired_in_window", "expired", "window closes"),
    ("active", "lost_by_absence", "absence limit passes"),
    ("incomplete", "returned", "documents_due passes"),
    ("suspended", "under_review", "documents_due passes"),
    ("under_review", "implicitly_refused", "silence"),
    ("under_review", "implicitly_granted", "silence, where it accepts"),
)


def table() -> str:
    """Every command on an existing file as a row of Markdown: where it is possible and what it records."""
    lines = [
        "| command | title | application | of | records |",
        "| --- | --- | --- | --- | --- |",
    ]
    for move in TRANSITIONS:
        title = _listed(move.title, TITLE)
        application = _listed(move.application, APPLICATION)
        events = "<br>".join(f"`{name}`" for name in move.events)
        lines.append(f"| `{move.command}` | {title} | {application} | {move.stage or 'any'} | {events} |")
    return "\n".join(lines)


def _listed(allowed: frozenset[str] | None, states: tuple[str, ...]) -> str:
    return "any" if allowed is None else ", ".join(state for state in states if state in allowed)


def diagram() -> str:
    """Two regions, title and application; arrows of commands from the table, dotted names from the clock."""
    lines = ["stateDiagram-v2"]
    for name, states in (("title", TITLE), ("application", APPLICATION)):
        lines.append(f"    state {name} {{")
        lines += [f"        {arrow}" for arrow in _arrows(name, states)]
        lines.append("    }")
    return "\n".join(lines)


def _arrows(region: str, states: tuple[str, ...]) -> list[str]:
    arrows = []
    if region == "application":
        arrows.append("[*] --> under_review: lodge_application")
        arrows.append("[*] --> incomplete: lodge_application (documents missing)")
    else:
        arrows.append("[*] --> none")
    for move in TRANSITIONS:
        for after in move.to:
            if after in states:
                arrows += [f"{before} --> {after}: {move.command}" for before in _from(region, move, states)]
    arrows += [f"{a} --> {b}: {why} (clock)" for a, b, why in BY_TIME if a in states and b in states]
    return list(dict.fromkeys(arrows))


def _from(region: str, move: Transition, states: tuple[str, ...]) -> list[str]:
    allowed = move.title if region == "title" else move.leaves or move.application
    if move.command == "decide_appeal":
        allowed = (
            frozenset({"revoked"}) if region == "title" else frozenset({"refused", "implicitly_refused"})
        )
    return [state for state in states if allowed is not None and state in allowed]
