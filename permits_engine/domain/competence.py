"""Who may do what: roles and offices, as the policy says them."""

from __future__ import annotations

from datetime import date

from permits_engine.domain import removal
from permits_engine.domain.case import Case
from permits_engine.domain.errors import error
from permits_engine.domain.policy import Rules

COMMANDS_BY_BODY = {"record_opinion", "decide_appeal"}


def roles_for(rules: Rules, case_on: date, name: str, body: str | None = None) -> dict[str, str]:
    """The roles that may give a command, each with its reach (own or any)."""
    table = rules.need("competence", case_on, {})
    if name in COMMANDS_BY_BODY:
        if body is not None:
            return dict(table.get(f"{name}/{body}", {}))
        merged: dict[str, str] = {}
        for key, roles in table.items():
            if key.startswith(f"{name}/"):
                merged.update(roles)
        return merged
    return dict(table.get(name, {}))


def body_of(case: Case) -> str | None:
    """The body that a command is about, where competence depends on it."""
    if case.name == "record_opinion":
        return str(case.command.body)
    if case.name == "decide_appeal" and case.command.against == "removal":
        return removal.BODY
    if case.name == "decide_appeal" and case.situation.pending_appeal is not None:
        return case.situation.pending_appeal.body
    return None


def check_competence(case: Case) -> None:
    """Raise ``actor.not_competent`` or ``actor.wrong_prefecture`` unless the actor may do this here."""
    roles = roles_for(case.rules, case.on, case.name, body_of(case))
    reach = roles.get(case.actor.role)
    if reach is None:
        who = " or ".join(sorted(roles)) or "nobody"
        raise error(
            "actor.not_competent",
            f"the role {case.actor.role} may not {case.name}; this is for: {who}",
            role=case.actor.role,
            command=case.name,
            roles=sorted(roles),
            rule=next(iter(case.rules.used), None),
        )
    if reach != "own":
        return
    office = case.command.prefecture if case.opens_file else case.situation.prefecture
    if case.actor.prefecture != office:
        raise error(
            "actor.wrong_prefecture",
            f"the file is with {office}, the actor belongs to {case.actor.prefecture or 'no office'}; "
            f"let {office} do it, or transfer the file first",
            prefecture=office,
            actor_prefecture=case.actor.prefecture,
            rule=next(iter(case.rules.used), None),
        )
