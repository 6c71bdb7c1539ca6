"""Letters that say that a last day has moved: to each holder to whom an earlier letter named another day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from permits_engine.domain.permit import notices
from permits_engine.domain.permit.situation import Situation
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Statement, Transaction

_NAMED = Statement(among("SELECT permit_id, named FROM notices WHERE named IS NOT NULL AND permit_id"))


def as_text(key: notices.Key, day: date) -> str:
    """Return a last day that a letter names, as its event keeps it."""
    deadline, body, anchor = key
    return f"{deadline} {body or '-'} {anchor} {day.isoformat()}"


def moved(tx: Transaction, files: Iterable[Situation]) -> list[tuple[Situation, notices.Notice]]:
    """Return the letters due to holders to whom a letter named an earlier last day than the present one."""
    named = {s.permit.permit_id: s for s in files if notices.named(s)}
    if not named:
        return []
    printed: dict[str, dict[notices.Key, date]] = {}
    for permit_id, texts in tx.all(_NAMED, {"ids": sorted(named)}):
        days = printed.setdefault(permit_id, {})
        for key, day in _read(texts.split("\n")):
            days[key] = max(day, days.get(key, day))
    return [(named[of], each) for of, days in printed.items() for each in notices.moved(named[of], days)]


def _read(texts: Sequence[str]) -> Iterable[tuple[notices.Key, date]]:
    for text in texts:
        deadline, body, anchor, day = text.split(" ")
        yield (deadline, "" if body == "-" else body, int(anchor)), date.fromisoformat(day)
