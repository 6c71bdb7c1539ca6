"""When nothing goes out: for all offices or for one, from a pause until it is resumed.

Acts of the clock are effects of law and go on; a message that is due meanwhile waits.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, insert, select, update

from permits_engine.domain.errors import invalid
from permits_engine.store.database.schema import scheduler_pauses as table
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.timestamps import iso

_c = table.c
_RUNNING = Statement(select(_c.office).where(_c.until.is_(None)))
_ALL = Statement(select(*table.columns).order_by(_c.id))
_BEGIN = Statement(
    insert(table).values({name: bindparam(name) for name in ("office", "since", "by", "reason")})
)
_END = Statement(
    update(table)
    .where(_c.until.is_(None), _c.office.is_not_distinct_from(bindparam("of")))
    .values(until=bindparam("until"), ended_by=bindparam("ended_by"))
)


class Paused:
    """The offices whose messages wait at a moment."""

    def __init__(self, offices: set[str | None]) -> None:
        self._offices = offices

    def holds(self, office: str) -> bool:
        """Whether an office's messages wait."""
        return None in self._offices or office in self._offices


def paused(tx: Transaction) -> Paused:
    """What is paused now."""
    return Paused({row[0] for row in tx.all(_RUNNING)})


def pause(tx: Transaction, office: str | None, *, by: str, reason: str, now: int) -> None:
    """Hold messages back, of one office or of all; raises ``input.invalid`` where that is so already."""
    if office in {row[0] for row in tx.all(_RUNNING)}:
        raise invalid("prefecture", f"{office or 'every office'} is paused already; permits resume ends it")
    tx.run(_BEGIN, {"office": office, "since": now, "by": by, "reason": reason})


def resume(tx: Transaction, office: str | None, *, by: str, now: int) -> None:
    """Let messages go out again; raises ``input.invalid`` where no such pause runs."""
    if not tx.run(_END, {"of": office, "until": now, "ended_by": by}):
        raise invalid("prefecture", f"{office or 'every office'} is not paused; permits status shows what is")


def pauses(tx: Transaction) -> list[dict[str, Any]]:
    """Every pause that there was, those that run last."""
    names = [column.name for column in table.columns]
    found = [dict(zip(names, row, strict=True)) for row in tx.all(_ALL)]
    for each in found:
        each["since"] = iso(each["since"])
        each["until"] = iso(each["until"]) if each["until"] is not None else None
    return sorted(found, key=lambda each: each["until"] is None)
