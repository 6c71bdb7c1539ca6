"""The state diagram, drawn from the lifecycle table itself (Mermaid)."""

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
REACHED = {
    "supply_documents": ("under_review",),
    "request_documents": ("suspended",),
    "extend_decision": ("under_review",),
    "issue_permit": ("granted", "active"),
    "refuse_application": ("refused",),
    "reopen_examination": ("under_review",),
    "request_renewal": ("under_review", "incomplete"),
    "renew_permit": ("granted", "active"),
    "refuse_renewal": ("refused",),
    "revoke_permit": ("revoked",),
    "decide_appeal": ("under_review", "active"),
    "close_permit": ("closed",),
}
"""The states that a command reaches."""
LEFT = {
    ("decide_appeal", "title"): frozenset({"revoked"}),
    ("decide_appeal", "application"): frozenset({"refused", "implicitly_refused"}),
    ("request_documents", "application"): frozenset({"under_review"}),
}
"""The states that a command leaves, where its guards refuse others that the table allows."""
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
    """Return a Markdown table of the commands on an existing file: where possible, and what they record."""
    lines = ["| command | title | application | of | records |", "| --- | --- | --- | --- | --- |"]
    for transition in TRANSITIONS:
        title = _listed(transition.title, TITLE)
        application = _listed(transition.application, APPLICATION)
        events = "<br>".join(f"`{name}`" for name in transition.events)
        lines.append(
            f"| `{transition.command}` | {title} | {application} | {transition.stage or 'any'} | {events} |"
        )
    return "\n".join(lines)


def _listed(allowed: frozenset[str] | None, states: tuple[str, ...]) -> str:
    return "any" if allowed is None else ", ".join(state for state in states if state in allowed)


def diagram() -> str:
    """Return the diagram: two regions, title and application, with arrows for commands and for time."""
    lines = ["stateDiagram-v2"]
    for name, states in (("title", TITLE), ("application", APPLICATION)):
        lines.append(f"    state {name} {{")
        lines += [f"        {arrow}" for arrow in _arrows(name, states)]
        lines.append("    }")
    return "\n".join(lines)


def _arrows(region: str, states: tuple[str, ...]) -> list[str]:
    arrows: list[str] = []
    if region == "application":
        arrows.append("[*] --> under_review: lodge_application")
        arrows.append("[*] --> incomplete: lodge_application (documents missing)")
    else:
        arrows.append("[*] --> none")
    for each in TRANSITIONS:
        for after in REACHED.get(each.command, ()):
            if after in states:
                arrows += [f"{before} --> {after}: {each.command}" for before in _from(region, each, states)]
    arrows += [f"{a} --> {b}: {why} (time)" for a, b, why in BY_TIME if a in states and b in states]
    return list(dict.fromkeys(arrows))


def _from(region: str, transition: Transition, states: tuple[str, ...]) -> list[str]:
    own = transition.title if region == "title" else transition.application
    allowed = LEFT.get((transition.command, region), own)
    return [state for state in states if allowed is not None and state in allowed]
