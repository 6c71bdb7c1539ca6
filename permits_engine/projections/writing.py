"""Rows written in the append's own transaction; the stream's version is the gate."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, update

from permits_engine.projections.upserts import insert_new, replace
from permits_engine.store.database import Statement, Unit
from permits_engine.store.schema import notices, permits

_PERMIT = [column.name for column in permits.columns]
_INSERT_PERMIT = insert_new(permits)
_UPDATE_PERMIT = Statement(
    update(permits)
    .where(permits.c.permit_id == bindparam("of"), permits.c.version == bindparam("seen"))
    .values({name: bindparam(name) for name in _PERMIT if name != "permit_id"})
)
_REPLACE_PERMIT = replace(permits)
_INSERT_NOTICE = insert_new(notices)
_UPDATE_NOTICE = Statement(
    update(notices)
    .where(notices.c.notice_id == bindparam("of"), notices.c.version == bindparam("seen"))
    .values(
        version=bindparam("version"),
        state=bindparam("state"),
        attempts=bindparam("attempts"),
        reason=bindparam("reason"),
        updated_at=bindparam("updated_at"),
    )
)


def insert_row(unit: Unit, row: dict[str, Any]) -> bool:
    """Add the row of a new permit; false where there is one already."""
    return unit.run(_INSERT_PERMIT, row) == 1


def update_row(unit: Unit, row: dict[str, Any], seen: int) -> bool:
    """Replace the row of a permit at the version seen; false where somebody else was first."""
    return unit.run(_UPDATE_PERMIT, {**row, "of": row["permit_id"], "seen": seen}) == 1


def replace_rows(unit: Unit, rows: list[dict[str, Any]]) -> None:
    """Put rows in place whatever was there: for a rebuild, which is function of history alone."""
    unit.many(_REPLACE_PERMIT, rows)


def insert_notice(unit: Unit, row: dict[str, Any]) -> bool:
    """Add the row of a new notice; false where it is known already."""
    return unit.run(_INSERT_NOTICE, row) == 1


def update_notice(unit: Unit, fields: dict[str, Any]) -> bool:
    """Change the row of a notice at the version seen (``of``, ``seen``); false where somebody was first."""
    return unit.run(_UPDATE_NOTICE, fields) == 1
