"""Why an event was allowed: who decided, in which role, on which file, by which rules, with which alternatives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

import msgspec

from permits_engine.application.queries.permit_file import PermitFile, local_day
from permits_engine.application.queries.views import RuleRow, expanded, shown
from permits_engine.domain.decisions import decide, lifecycle, quality
from permits_engine.domain.decisions.case import HolderFacts
from permits_engine.domain.decisions.departures import in_words
from permits_engine.domain.decisions.recorded import RecordedDecision, recorded_decisions
from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import REGISTER, Actor, Event, NoticeDue, Revoked
from permits_engine.domain.permit import explanations
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.phrases import Phrase
from permits_engine.domain.rules import competence
from permits_engine.domain.rules.policy import Policy
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import Placed, event_store, numbered
from permits_engine.store.events.timestamps import moment

_LETTERS = Statement(
    "SELECT notice_id, kind, language, state FROM notices WHERE permit_id = :permit_id AND recipient = 'holder'"
)
Say = Callable[[str], str]
"""Returns a phrase in words."""
SayIn = Callable[[str], Say]
"""Returns the translator of phrases for a jurisdiction."""
_WORDLESS = frozenset({"issue_permit", "renew_permit", "request_renewal"})
"""Commands without free text, so that it can be computed whether they would have been allowed."""
_SENT = frozenset({"sent", "served"})


def explain(
    file: PermitFile,
    version: int | None,
    say_in: SayIn = lambda jurisdiction: str,
    *,
    language: str = "en",
    decrypt: bool = False,
) -> dict[str, Any]:
    """Return why an event was allowed, under the policy text that it pins, also where that was replaced since.

    ``say_in`` translates phrases (deadlines, quality, a warning); the office is named in ``language``.
    """
    record, history = _record(file, version), numbered(file.records)
    event = record.event
    permit, after = fold(file.permit_id, history[: record.version]), fold(file.permit_id, history)
    assert permit is not None
    assert after is not None
    cipher = file.cipher() if decrypt else None
    say = say_in(permit.jurisdiction)
    policy = file.context.policies.current(file.tx, permit.jurisdiction)
    known = local_day(policy, moment(record.recorded_at))
    result = shown(record, permit.holder_id, cipher)
    if event.basis is not None:
        policy = _pinned(file, record)
        result["basis"] = {
            "policy": event.basis.policy,
            "rules": [_basis_rule(event, rule, policy, known) for rule in event.basis.rules],
        }
    s = situation_on(permit, event.effective_on, policy.at(known))
    result["deadlines"] = explanations.explained(s, say)
    result |= _departure(event, policy, known, s, say)
    decisions = recorded_decisions(history, [each.recorded_at for each in file.records])
    made = next(each for each in decisions if any(number == record.version for number, _ in each.events))
    before = fold(file.permit_id, history[: made.version - 1])
    result |= _decided(made, before, policy, known, s, language) | {"exchanged": exchanged(s)}
    if before is not None and not made.imported and not made.propagated:
        on = situation_on(before, event.effective_on, policy.at(known))
        result["alternatives"] = alternatives(made, on, policy, known)
        result["quality"] = _quality(file.tx, event, record, result if cipher else None, on, after, say)
    return result


def _record(file: PermitFile, version: int | None) -> Placed:
    """Return the event of a version (default: the last); raise ``position.beyond_head``."""
    count = len(file.records)
    if version is not None and not 1 <= version <= count:
        message = f"{file.permit_id} has {count} events, there is no version {version}"
        raise error("position.beyond_head", message, version=version, head=count)
    return file.records[(version or count) - 1]


def _pinned(file: PermitFile, record: Placed) -> Policy:
    """Return the policy text that an event pins; raise ``integrity.broken``."""
    assert record.event.basis is not None
    digest = record.event.basis.policy
    policy = file.context.policies.by_digest(file.tx, file.lodged.jurisdiction, digest)
    if policy is None:
        raise error("integrity.broken", f"event {record.version} pins a policy that was never adopted")
    return policy


def _basis_rule(event: Event, rule: str, policy: Policy, known: date) -> RuleRow:
    return _imported_rule(event, known) if rule == REGISTER else _narrowed(event, expanded(policy, rule))


def _departure(event: Event, policy: Policy, known: date, s: Situation, say: Say) -> dict[str, Any]:
    departs = getattr(event, "departs_from", None)
    if departs is not None:
        rule = expanded(policy, departs)
        return {"departs_from": rule, "warning": say(in_words(event, rule))}
    if isinstance(event, Revoked) and event.ground == "public-order":
        grounds = policy.at(known).get("revocation.grounds", s.day, {}) or {}
        return {"warning": say(Phrase("departs.ground", ground=str(grounds.get(event.ground))))}
    return {}


# --- who decided, as what, on which file --------------------------------------------------------------------


def _decided(
    made: RecordedDecision,
    before: Permit | None,
    policy: Policy,
    known: date,
    after: Situation,
    language: str,
) -> dict[str, Any]:
    first, on = made.first, made.first.effective_on
    state = decide.state_of(situation_on(before, on, policy.at(known))) if before is not None else None
    office = policy.offices.get(after.prefecture)
    return {
        "command": made.name or None,
        "decided_on": known.isoformat(),
        "file": {
            "permit_id": after.permit.permit_id,
            "office": after.prefecture,
            "office_name": office.name(language) if office is not None else None,
            "category": after.permit.category,
            "criterion": after.permit.criterion,
            "title_kind": after.permit.title_kind,
            "state_before": state,
        },
        "acting_as": _acting(made, policy, known, on, after.prefecture),
        "policy_title": policy.title,
    } | ({"imported": True} if first.basis is not None and first.basis.imported else {})


def _acting(made: RecordedDecision, policy: Policy, known: date, on: date, office: str) -> dict[str, Any]:
    """Return the role, and the rule, mandate or delegation by which it was competent."""
    actor, rules = made.first.actor, policy.at(known)
    acting: dict[str, Any] = {"role": actor.role, "office": actor.prefecture}
    if made.imported or not made.name:
        return acting
    body = getattr(made.first, "body", None) if made.name in competence.COMMANDS_BY_BODY else None
    table = rules.find("competence", on, {"office": office})
    reach = competence.roles_for(rules, on, made.name, body, office).get(actor.role)
    acting["reach"] = reach
    acting["competence"] = str(table.source) if table is not None else None
    scope = competence.actor_scope(made.name, actor)
    for what in ("mandate", "delegation"):
        held = rules.find(what, on, scope)
        acting[what] = f"{held.value} ({held.source})" if held is not None else None
    return acting


# --- what was asked and answered ----------------------------------------------------------------------------


def exchanged(s: Situation) -> list[dict[str, Any]]:
    """Return what was filed, asked for, supplied and advised about the latest request by the day, in order."""
    request = s.request
    if request is None:
        return []
    asked = [
        {"on": ask.on, "what": "asked for", "documents": sorted(ask.documents),
         "answered_on": s.ask_answered_on(request, number), "answer_due": s.answer_due(request, number)}
        for number, ask in enumerate(request.asks)
    ]  # fmt: skip
    found: list[dict[str, Any]] = [
        {"on": request.filed_on, "what": f"{request.kind} filed", "missing": sorted(request.missing)},
        *asked,
        *({"on": x.on, "what": "supplied", "documents": sorted(x.documents)} for x in request.supplies),
        *(
            {"on": x.on, "what": f"opinion of the {x.body}", "favourable": x.favourable}
            for x in request.opinions
        ),
    ]
    known = [each for each in found if each["on"] <= s.day]
    plain: list[dict[str, Any]] = msgspec.to_builtins(sorted(known, key=lambda each: each["on"]))
    return plain


# --- what else could have been done -------------------------------------------------------------------------


def alternatives(made: RecordedDecision, s: Situation, policy: Policy, known: date) -> list[dict[str, Any]]:
    """Return the other commands that the file's state allowed on that day, by which roles, and their obstacles."""
    found = []
    for name in lifecycle.allowed_commands(s):
        if name == made.name or not _is_choice(name, s):
            continue
        body = s.answerable[-1].body if name == "decide_appeal" and s.answerable else None
        roles = competence.roles_for(s.rules, s.day, name, body, s.prefecture)
        option: dict[str, Any] = {"command": name, "by": sorted(roles)}
        if name in _WORDLESS:
            option["but"] = _obstacle(name, s, policy, known, made, sorted(roles))
        if roles:
            found.append(option)
    return found


def _is_choice(name: str, s: Situation) -> bool:
    """Return whether a command decides about the file and is applicable."""
    if lifecycle.TRANSITION_OF[name].nature not in {lifecycle.DECISION, lifecycle.FILING}:
        return False
    if name == "decide_appeal":
        return bool(s.answerable)
    return name != "extend_decision" or s.rules.get("decision.extension", s.day, s.scope()) is not None


def _obstacle(
    name: str, s: Situation, policy: Policy, known: date, made: RecordedDecision, roles: list[str]
) -> str | None:
    """Return the message with which the command would have been refused, if it would."""
    command = SimpleNamespace(name=name, on=s.day, term=None, card_number=None, exclusion=None, missing=())
    actor = Actor(made.first.actor.id, made.first.actor.role, s.prefecture)
    if actor.role not in roles and roles:
        actor = Actor(actor.id, roles[0], s.prefecture)
    try:
        decide.decide(
            name, command, s.permit, HolderFacts(s.permit.holder_id), policy, actor,
            today=max(known, s.day), known=known,
        )  # fmt: skip
    except PermitsError as problem:
        return problem.message
    return None


# --- quality ------------------------------------------------------------------------------------------------


def _quality(
    tx: Transaction,
    event: Event,
    record: Placed,
    shown: dict[str, Any] | None,
    before: Situation,
    after: Permit,
    say: Say,
) -> list[dict[str, Any]]:
    words = None
    if shown is not None:
        exclusion = shown.get("exclusion") or {}
        fields = ("reasons_in_fact", "reasons_in_law", "reasons")
        words = {name: str(shown.get(name) or exclusion.get(name) or "") for name in fields}
    decision = quality.AssessedDecision(
        event, record.version, before, after, letters_of(tx, after.permit_id), words
    )
    return [
        {"gate": each.name, "status": each.status, "because": say(each.because)}
        for each in quality.assess(decision)
    ]


def letters_of(tx: Transaction, permit_id: str) -> list[quality.MessageStatus]:
    """Return the messages to the holder of a file with their states."""
    found = []
    rows = tx.all(_LETTERS, {"permit_id": permit_id})
    streams = event_store(tx).several([row[0] for row in rows])
    for notice_id, kind, language, state in rows:
        first = next(streams.get(notice_id, iter(())), None)
        if first is not None and isinstance(event := first.event, NoticeDue):
            found.append(quality.MessageStatus(kind, event.anchor, language, state in _SENT))
    return found


# --- rules --------------------------------------------------------------------------------------------------


def _narrowed(event: Event, rule: RuleRow) -> RuleRow:
    """Return the competence table reduced to the commands that can produce the event; another rule unchanged."""
    if rule["parameter"] != "competence":
        return rule
    commands = {each.command for each in lifecycle.TRANSITIONS if event.NAME in each.events} or {
        "lodge_application"
    }
    value = {name: roles for name, roles in rule["value"].items() if name.partition("/")[0] in commands}
    return {**rule, "value": value}


def _imported_rule(event: Event, known: date) -> RuleRow:
    """Return what is shown instead of a rule for an imported fact, which was decided elsewhere."""
    return {
        "rule": REGISTER,
        "parameter": REGISTER,
        "value": "taken over as it stood" if event.actor.id == REGISTER else "fell due before the import",
        "norm": "the old register",
        "rank": "fact",
        "in_force_since": event.effective_on.isoformat(),
        "known_since": known.isoformat(),
        "confidence": "as recorded",
    }
