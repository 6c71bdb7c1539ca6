"""Why an event was allowed: who decided, as what, on which file, by which rules, and what else there was to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from permits_engine.application.queries.permit_file import PermitFile, local_day
from permits_engine.application.queries.views import RuleRow, expanded, shown
from permits_engine.domain.decisions import decide, lifecycle, quality
from permits_engine.domain.decisions import lifecycle as moves
from permits_engine.domain.decisions.case import HolderFacts
from permits_engine.domain.decisions.departures import in_words
from permits_engine.domain.decisions.recorded import RecordedDecision, recorded_decisions
from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import REGISTER, Actor, Event, NoticeDue, Revoked
from permits_engine.domain.permit import explanations
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.phrases import Phrase
from permits_engine.domain.rules import competence
from permits_engine.domain.rules.policy import Policy
from permits_engine.store.database.schema import notices
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import Placed, event_store, numbered
from permits_engine.store.events.timestamps import moment

_LETTERS = Statement(
    select(notices.c.notice_id, notices.c.kind, notices.c.language, notices.c.state).where(
        notices.c.permit_id == bindparam("permit_id"), notices.c.recipient == "holder"
    )
)
Say = Callable[[str], str]
"""Puts a phrase into words."""
SayIn = Callable[[str], Say]
"""Returns what puts phrases into words, with the names that a jurisdiction uses."""
_WORDLESS = frozenset({"issue_permit", "renew_permit", "request_renewal"})
"""Commands that need no words, so that it can be said whether they would have been allowed."""
_SENT = frozenset({"sent", "served"})


def explain(
    file: PermitFile,
    version: int | None,
    say_in: SayIn = lambda jurisdiction: str,
    *,
    decrypt: bool = False,
) -> dict[str, Any]:
    """Why an event was allowed, under the policy text that it pins, also where that has been replaced since.

    ``say_in`` translates phrases (deadlines, quality, a warning); default: English.
    """
    context, tx, permit_id, records = file.context, file.tx, file.permit_id, file.records
    if version is not None and not 1 <= version <= len(records):
        raise error(
            "position.beyond_head",
            f"{permit_id} has {len(records)} events, there is no version {version}",
            version=version,
            head=len(records),
        )
    record = records[(version or len(records)) - 1]
    history = numbered(records)
    event = history[record.version - 1][1]
    permit = fold(permit_id, history[: record.version])
    assert permit is not None
    cipher = file.cipher() if decrypt else None
    result = shown(record, permit.holder_id, cipher)
    say = say_in(permit.jurisdiction)
    policy = context.policies.current(tx, permit.jurisdiction)
    known = local_day(policy, moment(record.recorded_at))
    if event.basis is not None:
        adopted = context.policies.by_digest(tx, permit.jurisdiction, event.basis.policy)
        if adopted is None:
            raise error("integrity.broken", f"event {record.version} pins a policy that was never adopted")
        policy = adopted
        result["basis"] = {
            "policy": event.basis.policy,
            "rules": [
                _taken_over(event, known) if rule == REGISTER else _concerning(event, expanded(policy, rule))
                for rule in event.basis.rules
            ],
        }
    s = Situation(permit, event.effective_on, policy.at(known))
    result["deadlines"] = explanations.explained(s, say)
    result |= _departure(event, policy, known, s, say)
    made = next(
        m for m in recorded_decisions(history, [r.recorded_at for r in records]) if _holds(m, record.version)
    )
    past = history[: made.version - 1]
    before = fold(permit_id, past)
    result |= _decided(made, before, policy, known, s)
    result["exchanged"] = exchanged(s)
    if before is not None and not made.imported and not made.propagated:
        on = Situation(before, event.effective_on, policy.at(known))
        after = fold(permit_id, history)
        assert after is not None
        result["alternatives"] = alternatives(made, on, policy, known)
        result["quality"] = _quality(tx, event, record, result if cipher else None, on, after, say)
    return result


def _holds(made: RecordedDecision, version: int) -> bool:
    return any(number == version for number, _ in made.events)


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
    made: RecordedDecision, before: Permit | None, policy: Policy, known: date, after: Situation
) -> dict[str, Any]:
    first, on = made.first, made.first.effective_on
    state = decide.state_of(Situation(before, on, policy.at(known))) if before is not None else None
    office = policy.offices.get(after.prefecture)
    return {
        "command": made.name or None,
        "decided_on": known.isoformat(),
        "file": {
            "permit_id": after.permit.permit_id,
            "office": after.prefecture,
            "office_name": office.name("fr") if office is not None else None,
            "category": after.permit.category,
            "criterion": after.permit.criterion,
            "title_kind": after.permit.title_kind,
            "state_before": state,
        },
        "acting_as": _acting(made, policy, known, on, after.prefecture),
        "policy_title": policy.title,
    } | ({"imported": True} if first.basis is not None and first.basis.imported else {})


def _acting(made: RecordedDecision, policy: Policy, known: date, on: date, office: str) -> dict[str, Any]:
    """The role, and by which rule, mandate or delegation it was competent."""
    actor, rules = made.first.actor, policy.at(known)
    told: dict[str, Any] = {"role": actor.role, "office": actor.prefecture}
    if made.imported or not made.name:
        return told
    body = getattr(made.first, "body", None) if made.name in competence.COMMANDS_BY_BODY else None
    table = rules.find("competence", on, {"office": office})
    reach = competence.roles_for(rules, on, made.name, body, office).get(actor.role)
    told["reach"] = reach
    told["competence"] = str(table.source) if table is not None else None
    scope = {"office": actor.prefecture or "", "role": actor.role, "command": made.name, "actor": actor.id}
    for what in ("mandate", "delegation"):
        held = rules.find(what, on, scope)
        told[what] = f"{held.value} ({held.source})" if held is not None else None
    return told


# --- what was asked and answered ----------------------------------------------------------------------------


def exchanged(s: Situation) -> list[dict[str, Any]]:
    """What was filed, asked for, supplied and advised about the latest request by the day, in order."""
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
    """The other commands that the file's state allowed on that day, by whom, and what stood against them."""
    found = []
    for name in lifecycle.allowed_commands(s):
        if name == made.name or not _is_choice(name, s):
            continue
        body = s.pending_appeal.body if name == "decide_appeal" and s.pending_appeal is not None else None
        roles = competence.roles_for(s.rules, s.day, name, body, s.prefecture)
        told: dict[str, Any] = {"command": name, "by": sorted(roles)}
        if name in _WORDLESS:
            told["but"] = _stood_against(name, s, policy, known, made, sorted(roles))
        if roles:
            found.append(told)
    return found


def _is_choice(name: str, s: Situation) -> bool:
    """Whether a command decides something about the file, and has an occasion."""
    if moves.TRANSITION_OF[name].nature not in {moves.DECISION, moves.FILING}:
        return False
    if name == "decide_appeal":
        return s.pending_appeal is not None
    return name != "extend_decision" or s.rules.get("decision.extension", s.day, s.scope()) is not None


def _stood_against(
    name: str, s: Situation, policy: Policy, known: date, made: RecordedDecision, roles: list[str]
) -> str | None:
    """The error that the command would have met; none where nothing stood against it."""
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
    """The messages to the holder of a file, with what became of them."""
    found = []
    rows = tx.all(_LETTERS, {"permit_id": permit_id})
    streams = event_store(tx).several([row[0] for row in rows])
    for notice_id, kind, language, state in rows:
        first = next(streams.get(notice_id, iter(())), None)
        if first is not None and isinstance(event := first.event, NoticeDue):
            found.append(quality.MessageStatus(kind, event.anchor, language, state in _SENT))
    return found


# --- rules --------------------------------------------------------------------------------------------------


def _concerning(event: Event, rule: RuleRow) -> RuleRow:
    """Of the table of competences only what it says of the commands that lead to the event."""
    if rule["parameter"] != "competence":
        return rule
    commands = {move.command for move in moves.TRANSITIONS if event.NAME in move.events} or {
        "lodge_application"
    }
    value = {name: roles for name, roles in rule["value"].items() if name.partition("/")[0] in commands}
    return {**rule, "value": value}


def _taken_over(event: Event, known: date) -> RuleRow:
    """What stands in place of a rule for what came in with an old register: a fact, decided elsewhere."""
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
