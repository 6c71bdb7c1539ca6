"""The rows of files that the law has changed by date and no pass has written since: lists do not wait for a pass."""

from collections.abc import Container
from datetime import date
from typing import Any

from permits_engine.application.context import Context
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.projections import listing
from permits_engine.projections.permit_rows import shown
from permits_engine.store.database.transactions import Transaction

BATCH = 500


def fresh_rows(
    context: Context, tx: Transaction, today: date, among: Container[str] | None = None
) -> list[dict[str, Any]]:
    """Return those rows as they are on the day; a file that cannot be read is left out, as in a pass.

    ``among`` are ids of permits or holders: only rows of these are wanted.
    """
    changed = listing.changed_by_law(tx, today)
    ids = [permit for permit, holder in changed if among is None or permit in among or holder in among]
    found = []
    for start in range(0, len(ids), BATCH):
        uow = context.begin(tx)
        uow.expect_files(ids[start : start + BATCH])
        for permit_id in ids[start : start + BATCH]:
            permit = uow.loaded_permit(permit_id)
            if permit is not None:
                rules, others = uow.policy(permit.jurisdiction).at(today), uow.others_of(permit)
                found.append(shown(situation_on(permit, today, rules, others=others)))
    return found
