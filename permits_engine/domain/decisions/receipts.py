"""The receipt that a filing gives."""

from __future__ import annotations

from permits_engine.domain.decisions.case import Case, Draft
from permits_engine.domain.events import ReceiptIssued
from permits_engine.domain.periods import add


def receipt(case: Case, *, complete: bool, timely: bool, stage: str) -> list[Draft]:
    """The receipt of a request, where the rules give one (law 02-03, article 8)."""
    scope = case.scope(stage=stage)
    given = case.rules.get("receipt.given", case.on, scope)
    if given == "complete_and_timely" and not (complete and timely):
        return []
    term = case.rules.need("receipt.term", case.on, scope)
    return [case.draft(ReceiptIssued, until=add(case.on, term))]
