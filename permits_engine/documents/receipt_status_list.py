"""The signed list of receipts that a later decision superseded before their last day; it identifies no holder.

A signed note (C2SP): the store's origin and ``receipts``, the day of the list, the number of receipts, and their marks
(eight bytes each) in base64. A receipt leaves the list after its last day.
"""

from __future__ import annotations

import base64
import textwrap
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from permits_engine.application.context import Context
from permits_engine.documents.receipt_proof import Filing, mark_of
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.projections.listing import with_receipts
from permits_engine.store.log.signed_note import MOST_BYTES, Note, NoteError, Signer, Verifier, decoded

HEAD = "receipts"
LOOK_BACK = timedelta(days=400)
"""The longest validity of a receipt."""
_MARK = 8
_BATCH = 500


class StatusList(NamedTuple):
    """A list that was checked against a public key."""

    origin: str
    made_on: date
    marks: frozenset[bytes]

    def superseded(self, origin: str, filing: Filing) -> bool:
        """Return whether the list names a receipt; raise ``input.invalid`` for one of another store."""
        if origin != self.origin:
            raise invalid("--status", f"is the list of {self.origin}; the receipt is of {origin}")
        return filing.mark() in self.marks


def make(context: Context, signer: Signer, origin: str, today: date) -> str:
    """Return the signed list as of today."""
    marks = sorted(set(_superseded(context, today)))
    coded = textwrap.wrap(base64.b64encode(b"".join(marks)).decode(), 76)
    lines = [f"{origin} {HEAD}", today.isoformat(), str(len(marks)), *coded]
    return signer.sign("\n".join(lines) + "\n")


def read(data: bytes, keys: list[Verifier]) -> StatusList:
    """Return the list in a signed note; raise ``integrity.broken`` unless a known key signed it."""
    try:
        if len(data) > MOST_BYTES:
            raise NoteError("it is too long")
        note = Note.parse(data)
        signer = note.opened(keys)
        head, day, count, *coded = note.text.splitlines()
        origin, _, what = head.rpartition(" ")
        whole = decoded("".join(coded))
        marks = frozenset(whole[at : at + _MARK] for at in range(0, len(whole), _MARK))
        if what != HEAD or origin != signer.name or len(whole) != _MARK * int(count):
            raise NoteError("it is not a list of receipts")
        return StatusList(origin, date.fromisoformat(day), marks)
    except ValueError as problem:
        raise error("integrity.broken", f"the status list cannot be trusted: {problem}") from None


def _superseded(context: Context, today: date) -> Iterator[bytes]:
    for rows in with_receipts(context.database, today - LOOK_BACK, _BATCH):
        with context.database.read() as tx:
            uow = context.begin(tx)
            uow.expect_files(permit_id for permit_id, _ in rows)
            for permit_id, jurisdiction in rows:
                try:
                    permit = uow.file(permit_id)
                except PermitsError:
                    continue  # status and doctor report a permit that cannot be read
                assert permit is not None
                s = situation_on(permit, today, uow.policy(jurisdiction).at(today))
                in_force = s.paper.version if s.receipt is not None and s.paper is not None else None
                for each in permit.receipts:
                    # The last one goes on from its own end, so a later day may be printed on it.
                    may_run = each.until >= today or each is permit.receipts[-1]
                    if may_run and each.version != in_force:
                        yield mark_of(uuid.UUID(permit_id).bytes, each.version)
