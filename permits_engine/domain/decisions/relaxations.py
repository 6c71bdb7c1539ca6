"""Relaxed criteria of the campaigns: dated data, each for decisions or for re-examinations from its day.

They widen what a commission may accept; a card still needs its opinion. The refusal of a holder whom a relaxation
covers is recorded as departing from it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from permits_engine.domain.decisions.case import Case
from permits_engine.domain.permit.facts import MAJORITY, fact_on, is_recorded
from permits_engine.domain.rules.policy import Value

DECISION, REEXAMINATION = "decision", "reexamination"


def covering(case: Case, *, ruling: bool = False) -> tuple[Value | None, list[str], list[str]]:
    """Return the rule in force, its relaxations that cover the holder, and those that depend on facts not known.

    ``ruling``: the decision is a commission's on an appeal, which is a re-examination.
    """
    rule = case.rules.peek("relaxation", case.on, case.scope())
    if rule is None:
        return None, [], []
    request = case.situation.request
    again = request.reopened_on if request is not None else None
    anew = ruling or (again is not None and rule.since <= again <= case.on)
    names, asks = [], []
    for name, entry in rule.value.items():
        if entry["by"] == REEXAMINATION and not anew:
            continue
        covers = _covers(case, entry)
        if covers:
            names.append(name)
        elif covers is None:
            asks.append(name)
    if names:
        case.rules.used[rule.id] = None
    return rule, names, asks


def _covers(case: Case, entry: Mapping[str, Any]) -> bool | None:
    """Return whether all conditions of the entry hold for the holder; none where that is not established."""
    answers = list(_answers(case, entry))
    if False in answers:
        return False
    return None if None in answers else True


def _answers(case: Case, entry: Mapping[str, Any]) -> Iterator[bool | None]:
    permit, facts = case.situation.permit, case.situation.facts
    if "sex" in entry:
        yield None if permit.sex is None else permit.sex == entry["sex"]
    if "minors" in entry:
        yield None if permit.age is None else permit.age < MAJORITY
    if "criteria" in entry:
        yield permit.criterion in entry["criteria"]
    if "fact" in entry:
        holds = fact_on(facts, entry["fact"], case.on) is not None
        yield True if holds else False if is_recorded(facts, entry["fact"]) else None
