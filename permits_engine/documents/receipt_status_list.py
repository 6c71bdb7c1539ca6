"""The signed list of receipts that a later act has superseded before their last day: small, and naming nobody.

A signed note (C2SP): the store's origin and ``receipts``, the day of the list, the number of receipts, and their marks
(eight bytes each) in base64. A receipt that has passed its last day leaves the list.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, or_, select

from permits_engine.application.context import Context
from permits_engine.documents.receipt_proof import Filing, mark_of
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.permit.situation import Situation
from permits_engine.store.database.schema import permits
from permits_engine.store.database.transactions import Database, Statement
from permits_engine.store.log.signed_note import MOST_BYTES, Note, NoteError, Signer, Verifier, decoded

HEAD = "receipts"
LOOK_BACK = timedelta(days=400)
"""No receipt is given for longer than this before the end of it."""
_MARK = 8
_BATCH = 500
_c = permits.c
_since: Any = bindparam("since")
_FILES = Statement(
    select(_c.permit_id, _c.jurisdiction)
    .where(
        _c.permit_id > bindparam("after"),
        or_(
            _c.receipt_until >= _since,
            *(each >= _since for each in (_c.request_filed_on, _c.request_decided_on, _c.closed_on)),
        ),
    )
    .order_by(_c.permit_id)
    .limit(_BATCH)
)


class StatusList(NamedTuple):
    """A list that was checked against a public key."""

    origin: str
    made_on: date
    marks: frozenset[bytes]

    def superseded(self, origin: str, filing: Filing) -> bool:
        """Whether the list names a receipt; raises ``input.invalid`` for one of another store."""
        if origin != self.origin:
            raise invalid("--status", f"is the list of {self.origin}; the receipt is of {origin}")
        return filing.mark() in self.marks


def make(database: Database, context: Context, signer: Signer, origin: str, today: date) -> str:
    """The signed list as of today."""
    marks = sorted(set(_superseded(database, context, today)))
    coded = base64.b64encode(b"".join(marks)).decode()
    lines = [f"{origin} {HEAD}", today.isoformat(), str(len(marks)), *_wrapped(coded)]
    return signer.sign("\n".join(lines) + "\n")


def read(data: bytes, keys: list[Verifier]) -> StatusList:
    """A list from its bytes; raises ``integrity.broken`` where it is not one that a known key signed."""
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
        raise error("integrity.broken", f"the status list is not to be believed: {problem}") from None


def _superseded(database: Database, context: Context, today: date) -> Iterator[bytes]:
    after, since = "", (today - LOOK_BACK).isoformat()
    while True:
        with database.read() as tx:
            rows = tx.all(_FILES, {"after": after, "since": since})
            uow = context.begin(tx)
            uow.expect_files(row[0] for row in rows)
            for permit_id, jurisdiction in rows:
                try:
                    permit = uow.file(permit_id)
                except PermitsError:
                    continue  # a file that cannot be read is what status and doctor speak of
                assert permit is not None
                s = Situation(permit, today, uow.policy(jurisdiction).at(today))
                current = s.receipt.version if s.receipt is not None else None
                for each in permit.receipts:
                    if each.until >= today and each.version != current:
                        yield mark_of(uuid.UUID(permit_id).bytes, each.version)
        if len(rows) < _BATCH:
            return
        after = rows[-1][0]


def _wrapped(coded: str, width: int = 76) -> list[str]:
    return [coded[at : at + width] for at in range(0, len(coded), width)]
