"""The permit view: what a file shows on a date."""

from datetime import date
from typing import Any, TypedDict

import msgspec

from permits_engine.domain.permit import family, removal
from permits_engine.domain.permit.proceedings import Answer
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.standing import Standing, removal_status, standing
from permits_engine.domain.permit.state import Appeal


class AppealRow(TypedDict):
    """An appeal: its body, its days, and its outcome; ``by_silence`` where no answer came in time."""

    body: str
    lodged_on: date
    outcome: str | None
    decided_on: date | None
    by_silence: bool


class View(msgspec.Struct, frozen=True):
    """A permit on a date, with the field names of the contract; dates are legal dates, inclusive."""

    permit_id: str
    holder_id: str
    jurisdiction: str
    prefecture: str
    category: str
    criterion: str | None
    title_kind: str
    title_status: str
    application_status: str
    appeal_status: str
    removal_status: str
    term_number: int | None
    valid_from: date | None
    valid_until: date | None
    receipt_until: date | None
    receipt_paper_until: date | None
    track: str
    lawful_stay: bool
    standing: dict[str, Any]
    version: int
    as_of: date
    appeals: list[AppealRow] = []
    entry_ban_until: date | None = None
    principal: dict[str, Any] | None = None


def view(s: Situation) -> View:
    """Return what holds for the permit on the day."""
    term, receipt, now = s.term, s.receipt, standing(s)
    ban = removal.ban_in_force(s)
    return View(
        permit_id=s.permit.permit_id,
        holder_id=s.permit.holder_id,
        jurisdiction=s.permit.jurisdiction,
        prefecture=s.prefecture,
        category=s.permit.category,
        criterion=s.permit.criterion,
        title_kind=_title_kind(s),
        title_status=s.title_status,
        application_status=s.application_status,
        appeal_status=s.appeal_status,
        removal_status=removal_status(s),
        term_number=term.number if term else None,
        valid_from=term.valid_from if term else None,
        valid_until=term.valid_until if term else None,
        receipt_until=receipt.until if receipt else None,
        receipt_paper_until=s.paper.until if s.paper else None,
        track=s.track,
        lawful_stay=now.lawful,
        standing=_shown(now),
        version=s.permit.version,
        as_of=s.day,
        appeals=[_appeal(*each) for each in s.appeals],
        entry_ban_until=ban.until if ban else None,
        principal=family.latest_tie(s),
    )


def _shown(now: Standing) -> dict[str, Any]:
    plain = {"because": now.because, "basis": list(now.basis), "certain": now.certain}
    return plain | ({"permit_id": now.permit_id} if now.permit_id is not None else {})


def _appeal(appeal: Appeal, answer: Answer | None) -> AppealRow:
    return {
        "body": appeal.body,
        "lodged_on": appeal.on,
        "outcome": answer.outcome if answer else None,
        "decided_on": answer.on if answer else None,
        "by_silence": answer.by_silence if answer else False,
    }


def _title_kind(s: Situation) -> str:
    """Return the kind of the title, or the provisional stay where no title is active."""
    if s.title_status != "active" and removal.provisional_stay(s) is not None:
        return "provisional_stay"
    return s.permit.title_kind
