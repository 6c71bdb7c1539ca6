"""Who may do what: by command, role, office and date, by a body's mandate and a decider's delegation.

All of it is policy data. ``competence`` lists the roles that may give a command, for their own office or any. Where
``mandate.required``, a role's body must have a ``mandate`` in force; where ``delegation.required``, the acting person
must hold a ``delegation``. Both are dated values with the reference of the act that gave them.
"""

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
    """Return the roles that may give a command, each with its reach (own or any)."""
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
    """Return why an actor may not give a command about a file of an office on a day; none where they may.

    ``office`` is none where the command is about no file. The details of the error name the rule.
    """
    roles = roles_for(rules, on, name, body, office or actor.prefecture)
    reach = roles.get(actor.role)
    said: dict[str, Any] = {"role": actor.role, "command": name}
    if reach is None:
        rule = rules.find("competence", on, {"office": office or actor.prefecture or ""})
        if not roles:
            return _not_competent(rule, Phrase("competence.no_role", **said), **said, roles=[])
        phrase = Phrase("competence.role", roles=tuple(sorted(roles)), **said)
        return _not_competent(rule, phrase, **said, roles=sorted(roles))
    if reach == "own" and office is not None and actor.prefecture != office:
        rule = rules.find("competence", on, {"office": office})
        kind = "competence.office" if actor.prefecture else "competence.no_office"
        phrase = Phrase(kind, office=office, own=actor.prefecture)
        return _wrong_office(rule, phrase, office, actor)
    return _unmandated(rules, on, name, actor) or _undelegated(rules, on, name, actor)


def reading_reach(rules: Rules, on: date, what: str, actor: Actor) -> str | None:
    """Return how far a role may read a ``file`` or a ``person``: own, any, purpose, or none."""
    table: dict[str, dict[str, str]] = rules.need("reading", on, {"office": actor.prefecture or ""})
    return table.get(what, {}).get(actor.role)


def reading_error(
    rules: Rules, on: date, what: str, actor: Actor, office: str | None, purpose: str | None
) -> PermitsError | None:
    """Return why an actor may not read a ``file`` or a ``person``; none where they may.

    ``office`` is that of the file, none for a person without a file.
    """
    reach = reading_reach(rules, on, what, actor)
    rule = rules.find("reading", on, {"office": actor.prefecture or ""})
    given = {"role": actor.role, "reading": what}
    if reach is None:
        return _not_competent(rule, f"the role {actor.role} may not read a {what}", **given)
    if reach == "purpose" and not purpose:
        message = f"the role {actor.role} reads a {what} with a purpose only; give the purpose"
        return _not_competent(rule, message, **given)
    if reach == "own" and office is not None and actor.prefecture != office:
        message = f"the file is with {office}, the reader belongs to {actor.prefecture or 'no office'}"
        return _wrong_office(rule, message, office, actor)
    return None


def _unmandated(rules: Rules, on: date, name: str, actor: Actor) -> PermitsError | None:
    wanted = _missing(rules, "mandate", on, name, actor)
    if wanted is None:
        return None
    kind = "mandate.missing" if actor.prefecture else "mandate.missing.everywhere"
    phrase = Phrase(kind, role=actor.role, office=actor.prefecture, on=on)
    return _not_competent(wanted, phrase, role=actor.role, command=name, on=on.isoformat())


def _undelegated(rules: Rules, on: date, name: str, actor: Actor) -> PermitsError | None:
    wanted = _missing(rules, "delegation", on, name, actor)
    if wanted is None:
        return None
    said: dict[str, Any] = {"role": actor.role, "command": name, "actor": actor.id}
    kind = "delegation.lacking" if actor.prefecture else "delegation.lacking.no_office"
    phrase = Phrase(kind, office=actor.prefecture, on=on, **said)
    return _not_competent(wanted, phrase, **said, on=on.isoformat())


def _missing(rules: Rules, what: str, on: date, name: str, actor: Actor) -> Value | None:
    """Return the rule that requires a mandate or a delegation which the actor lacks, if there is one."""
    if f"{what}.required" not in rules.policy.parameters:
        return None
    scope = actor_scope(name, actor)
    wanted = rules.find(f"{what}.required", on, scope)
    if wanted is None or wanted.value is not True or rules.find(what, on, scope) is not None:
        return None
    return wanted


def actor_scope(name: str, actor: Actor) -> dict[str, str]:
    """Return the circumstances of an actor who gives a command."""
    return {"office": actor.prefecture or "", "role": actor.role, "command": name, "actor": actor.id}


def _not_competent(rule: Value | None, message: str, **details: Any) -> PermitsError:
    return error("actor.not_competent", message, **details, **_named(rule))


def _wrong_office(rule: Value | None, message: str, office: str, actor: Actor) -> PermitsError:
    own = actor.prefecture
    return error("actor.wrong_prefecture", message, prefecture=office, actor_prefecture=own, **_named(rule))


def _named(rule: Value | None) -> dict[str, str | None]:
    return {"rule": rule.id if rule else None, "norm": str(rule.source) if rule else None}
