"""The kinds of title: what each requires, which may follow which, and which facts are still to be established."""

from datetime import date
from typing import Any

from permits_engine.domain.decisions.case import Case, OtherTitle
from permits_engine.domain.errors import error
from permits_engine.domain.periods import Period, add
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.facts import any_on, fact_on, is_recorded
from permits_engine.domain.permit.family import lost_tie
from permits_engine.domain.permit.majority import is_minor
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy, Value

PERSON_COMMANDS = frozenset({"order_removal", "carry_out_removal"})
"""Commands decided on facts about the person, which may be recorded on other files."""
TITLE_COMMANDS = frozenset({"issue_permit", "refuse_application", "renew_permit", "revoke_permit"})
"""Commands decided so where the law reserves the kind of title, or the title depends on a family member's."""
_RESERVING = ("title.requires", "title.expects", "title.needs")


def depends_on_person(policy: Policy, permit: Permit, command: str) -> bool:
    """Return whether a command on a file is decided on what any file of the person tells about them."""
    if command in PERSON_COMMANDS or command not in TITLE_COMMANDS:
        return command in PERSON_COMMANDS
    if any(fact.of is not None for fact in permit.facts):
        return True
    scopes = [policy.scope(permit.category, permit.title_kind, each) for each in ("application", "renewal")]
    return any(policy.values(name, scope) for name in _RESERVING for scope in scopes)


def ground_established(case: Case) -> None:
    """Require one established ground for a kind of title that the law reserves; an unknown fact is none."""
    needs_met(case)
    rule = case.find("title.requires")
    if rule is not None and established_ground(case, rule) is None:
        raise error(
            "criterion.unknown",
            f"a {case.situation.permit.title_kind} needs one of these facts, and none is recorded: "
            f"{_listed(rule.value)}; record it with its evidence (record_fact)",
            criteria=list(rule.value),
        )


def ground_for_renewal(case: Case) -> None:
    """Require what the kind of title needs, and an own ground where the principal's title has ended."""
    needs_met(case)
    tie = lost_tie(case.situation)
    if tie is None:
        return
    kinds = case.get("family.grounds") or ()
    case.find("family.ends")
    raise error(
        "criterion.unknown",
        f"the title depended on that of {tie.principal} ({tie.kind}), which ended on {tie.ended_on} ({tie.how}); a "
        f"renewal needs a ground of the holder's own: record one with its evidence (record_fact): {', '.join(kinds)}",
        criteria=list(kinds),
    )


def needs_met(case: Case) -> None:
    """Require every fact that a kind of title needs, such as minority for a minors' document."""
    for kind, article in (case.get("title.needs") or {}).items():
        held = fact_on(case.situation.facts, kind, case.on)
        if held is not None and (kind != "minor" or held.until is not None):
            continue
        what = "is not recorded, or without its last day"
        if kind == "minor" and is_minor(case.situation, case.holder.age, case.holder.age_at_most) is False:
            what = "is over: an adult applies for a card of their own (lodge_application)"
        why = f"a {case.situation.permit.title_kind} needs the fact {kind} ({article}), which {what}"
        raise error("criterion.unknown", why, criteria=[kind])


def _listed(grounds: dict[str, Any]) -> str:
    return "; ".join(
        f"{kind}{' for ' + Period.parse(x['after']).in_words() if 'after' in x else ''} ({x['article']})"
        for kind, x in grounds.items()
    )


def established_ground(case: Case, rule: Value) -> str | None:
    """Return the first of a rule's grounds established on the day, those as of right before the others."""
    facts, found = case.situation.facts, []
    for kind, entry in rule.value.items():
        fact = fact_on(facts, kind, case.on)
        after = Period.parse(entry["after"]) if "after" in entry else None
        if fact is not None and (after is None or add(fact.since, after) <= case.on):
            found.append(kind)
    return next((k for k in found if rule.value[k].get("as_of_right")), found[0] if found else None)


def rule_on_grounds(case: Case) -> Value | None:
    """Return the rule that lists the grounds of the title, required or only expected.

    None where the policy does not say which of them are rights.
    """
    for name in ("title.requires", "title.expects"):
        rule = case.find(name)
        if rule is not None and any(entry.get("as_of_right") for entry in rule.value.values()):
            return rule
    return None


def grant_fields(case: Case) -> dict[str, Any]:
    """Return the fields of a grant about its ground: which one, facts not established, departures."""
    rule = rule_on_grounds(case)
    held = established_ground(case, rule) if rule is not None else None
    asks = [] if rule is None or held is not None else _unasked(case, rule.value)
    beside = tuple(sorted({other.title_kind for other in _beside(case)}))
    return {"ground": held, "asks": tuple(asks), "beside": beside, "departs_from": _misplaced(case)}


def _beside(case: Case) -> list[OtherTitle]:
    """Return the holder's titles of other kinds in force on the day."""
    kind = case.situation.permit.title_kind
    return [
        other
        for other in _other_titles(case)
        if other.title_kind != kind and other.valid_from <= case.on <= other.valid_until
    ]


def _misplaced(case: Case) -> str | None:
    """Return the rule by which the holder should have another kind of title."""
    least = case.find("title.from_age")
    age, at_most = case.holder.age, case.holder.age_at_most
    if least is not None and is_minor(case.situation, age, at_most) is True:
        exempt = any_on(case.situation.facts, case.get("title.from_age.unless") or (), case.on)
        if not exempt:
            return least.id
    follows = case.find("title.follows")
    if follows is not None and any(other.title_kind not in follows.value for other in _beside(case)):
        return follows.id
    return None


def right_refused(case: Case) -> tuple[str | None, list[str]]:
    """Return the rule by which a refused title was due as of right, and the facts not established about that.

    Article 17 leaves one reason to refuse it: a threat to public order.
    """
    rule = rule_on_grounds(case)
    held = established_ground(case, rule) if rule is not None else None
    if rule is None or held is None:
        return None, [] if rule is None else _unasked(case, rule.value)
    if not rule.value[held].get("as_of_right"):
        return None, []
    lost = any_on(case.situation.facts, case.get("title.right_lost") or (), case.on)
    return None if lost else rule.id, []


def _unasked(case: Case, kinds: dict[str, Any]) -> list[str]:
    return [kind for kind in kinds if not is_recorded(case.situation.facts, kind)]


def _other_titles(case: Case) -> list[OtherTitle]:
    """Return the person's other titles that are neither revoked, lost nor closed on the day."""
    found = list(case.holder.titles)
    for other in case.holder.files:
        s = situation_on(other, case.on, case.rules.policy.at(case.rules.known))
        if s.term is not None and s.running:
            first, last = s.term.valid_from, s.ends(s.term)
            found.append(OtherTitle(other.permit_id, other.title_kind, first, last))
    return found


def no_overlap(case: Case) -> None:
    """Refuse two titles of one kind at a time; titles of two kinds may overlap."""
    _no_overlap_from(case, case.on)


def no_overlap_by_renewal(case: Case) -> None:
    """Refuse a further term that shares a day with another title of the kind (legal reference 10.7)."""
    last = case.situation.renewed_by(case.request)
    assert last is not None
    _no_overlap_from(case, case.situation.next_begins(case.request, last, case.on))


def _no_overlap_from(case: Case, start: date) -> None:
    for other in _other_titles(case):
        if other.title_kind == case.situation.permit.title_kind and other.valid_until >= start:
            until = other.valid_until.isoformat()
            why = f"the holder has a {other.title_kind} in force until {until}; close one file (other_title) first"
            raise error("title.overlap", why, permit_id=other.permit_id, valid_until=until)
