"""Who may do what: by command, role, office and date, by a body's mandate and a decider's delegation.

All of it is policy data. ``competence`` says which role may give a command, for its own office or any. Where
``mandate.required`` says so, a role's body must have a ``mandate`` in force; where ``delegation.required`` says so, the
acting person must hold a ``delegation``. Both are dated rows with the reference of the act that gave them.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import Actor
from permits_engine.domain.phrases import Phrase
from permits_engine.domain.rules.policy import Rules, Value

COMMANDS_BY_BODY = {"record_opinion", "decide_appeal"}


def roles_for(
    rules: Rules, case_on: date, name: str, body: str | None = None, office: str | None = None
) -> dict[str, str]:
    """The roles that may give a command, each with its reach (own or any)."""
    table = rules.need("competence", case_on, {"office": office or ""})
    if name in COMMANDS_BY_BODY:
        if body is not None:
            return dict(table.get(f"{name}/{body}", {}))
        merged: dict[str, str] = {}
        for key, roles in table.items():
            if key.startswith(f"{name}/"):
                merged.update(roles)
        return merged
    return dict(table.get(name, {}))


def competence_error(
    rules: Rules, on: date, name: str, actor: Actor, office: str | None, body: str | None = None
) -> PermitsError | None:
    """Why an actor may not give a command about a file of an office on a day; none where they may.

    ``office`` is none where the command is about no file. The error's details name the rule.
    """
    roles = roles_for(rules, on, name, body, office or actor.prefecture)
    reach = roles.get(actor.role)
    if reach is None:
        who = tuple(sorted(roles))
        return _not_competent(
            rules.find("competence", on, {"office": office or actor.prefecture or ""}),
            Phrase("competence.role", role=actor.role, command=name, roles=who)
            if who
            else Phrase("competence.nobody", role=actor.role, command=name),
            role=actor.role,
            command=name,
            roles=sorted(roles),
        )
    if reach == "own" and office is not None and actor.prefecture != office:
        rule = rules.find("competence", on, {"office": office})
        return error(
            "actor.wrong_prefecture",
            Phrase("competence.office", office=office, own=actor.prefecture)
            if actor.prefecture
            else Phrase("competence.no_office", office=office),
            prefecture=office,
            actor_prefecture=actor.prefecture,
            rule=rule.id if rule else None,
            norm=str(rule.source) if rule else None,
        )
    return _unmandated(rules, on, name, actor) or _undelegated(rules, on, name, actor)


def reading_reach(rules: Rules, on: date, what: str, actor: Actor) -> str | None:
    """How far a role may read a ``file`` or a ``person``: own, any, purpose, or not at all."""
    table: dict[str, dict[str, str]] = rules.need("reading", on, {"office": actor.prefecture or ""})
    return table.get(what, {}).get(actor.role)


def reading_error(
    rules: Rules, on: date, what: str, actor: Actor, office: str | None, purpose: str | None
) -> PermitsError | None:
    """Why an actor may not read a ``file`` or a ``person``; none where they may.

    ``office`` is where the file is, none for a person without a file.
    """
    reach = reading_reach(rules, on, what, actor)
    rule = rules.find("reading", on, {"office": actor.prefecture or ""})
    given = {"role": actor.role, "reading": what}
    if reach is None:
        return _not_competent(rule, f"the role {actor.role} may not read a {what}", **given)
    if reach == "purpose" and not purpose:
        message = f"the role {actor.role} reads a {what} with a purpose only; say what the look is for"
        return _not_competent(rule, message, **given)
    if reach == "own" and office is not None and actor.prefecture != office:
        return error(
            "actor.wrong_prefecture",
            f"the file is with {office}, the reader belongs to {actor.prefecture or 'no office'}",
            prefecture=office,
            actor_prefecture=actor.prefecture,
            rule=rule.id if rule else None,
            norm=str(rule.source) if rule else None,
        )
    return None


def _unmandated(rules: Rules, on: date, name: str, actor: Actor) -> PermitsError | None:
    if "mandate.required" not in rules.policy.parameters:
        return None
    scope = _scope(name, actor)
    wanted = _required(rules, "mandate", on, scope)
    if wanted is None or rules.find("mandate", on, scope) is not None:
        return None
    return _not_competent(
        wanted,
        Phrase("mandate.missing", role=actor.role, office=actor.prefecture, on=on)
        if actor.prefecture
        else Phrase("mandate.missing.everywhere", role=actor.role, on=on),
        role=actor.role,
        command=name,
        on=on.isoformat(),
    )


def _undelegated(rules: Rules, on: date, name: str, actor: Actor) -> PermitsError | None:
    if "delegation.required" not in rules.policy.parameters:
        return None
    scope = _scope(name, actor)
    wanted = _required(rules, "delegation", on, scope)
    if wanted is None or rules.find("delegation", on, scope) is not None:
        return None
    said: dict[str, Any] = {"actor": actor.id, "command": name, "role": actor.role, "on": on}
    return _not_competent(
        wanted,
        Phrase("delegation.lacking", office=actor.prefecture, **said)
        if actor.prefecture
        else Phrase("delegation.lacking.no_office", **said),
        role=actor.role,
        command=name,
        actor=actor.id,
        on=on.isoformat(),
    )


def _scope(name: str, actor: Actor) -> dict[str, str]:
    return {"office": actor.prefecture or "", "role": actor.role, "command": name, "actor": actor.id}


def _required(rules: Rules, what: str, on: date, scope: dict[str, str]) -> Value | None:
    """The rule that asks for a mandate or a delegation, if there is one."""
    found = rules.find(f"{what}.required", on, scope)
    return found if found is not None and found.value is True else None


def _not_competent(rule: Value | None, message: str, **details: Any) -> PermitsError:
    named = {"rule": rule.id, "norm": str(rule.source)} if rule is not None else {"rule": None, "norm": None}
    return error("actor.not_competent", message, **details, **named)
