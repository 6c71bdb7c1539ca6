"""The permit view: what a file shows on a date."""

from datetime import date
from typing import Any

import msgspec

from permits_engine.domain.permit import family, removal
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.standing import standing


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
    track: str
    lawful_stay: bool
    standing: dict[str, Any]
    version: int
    as_of: date
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
        removal_status=removal.status(s),
        term_number=term.number if term else None,
        valid_from=term.valid_from if term else None,
        valid_until=term.valid_until if term else None,
        receipt_until=receipt.until if receipt else None,
        track=s.track,
        lawful_stay=now.lawful,
        standing={"because": now.because, "basis": list(now.basis), "certain": now.certain},
        version=s.permit.version,
        as_of=s.day,
        entry_ban_until=ban.until if ban else None,
        principal=family.latest_tie(s),
    )


def _title_kind(s: Situation) -> str:
    """Return the kind of the title, or the provisional stay where no title is active."""
    if s.title_status != "active" and removal.provisional_stay(s) is not None:
        return "provisional_stay"
    return s.permit.title_kind
