"""The latest filing of a permit, for its receipt and the proof on it."""

from __future__ import annotations

import uuid
from datetime import date

import msgspec

from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.application.queries.views import numbers_on
from permits_engine.documents.receipt_proof import Filing
from permits_engine.domain.errors import error
from permits_engine.domain.permit import deadlines
from permits_engine.domain.permit.situation import Situation
from permits_engine.projections.holder import Person
from permits_engine.store.events.application import Placed
from permits_engine.store.log import leaf

LONGEST_NAME = 100


class Filed(msgspec.Struct):
    """A filing with what only the printed receipt says: numbers, category, and the deadline of missing documents."""

    filing: Filing
    person: Person
    jurisdiction: str
    category: str
    office_names: dict[str, str]
    file_number: str | None
    card_number: str | None
    documents_due: date | None

    def __repr__(self) -> str:
        return "<Filed>"


def filed(file: PermitFile) -> Filed:
    """Return the latest filing of a permit as of today; raise ``permit.not_found``, ``holder.erased``."""
    s, records, tx = file.situation(), file.records, file.tx
    uow = file.context.begin(tx)
    cipher, person = uow.cipher(s.permit.holder_id), uow.person(s.permit.holder_id)
    if s.request is None:
        raise error(
            "transition.not_allowed",
            "nothing is filed on this permit on that day; there is no receipt",
            state=s.application_status,
            command="receipt",
            allowed=[],
        )
    office = s.rules.policy.offices.get(s.prefecture)
    numbers = numbers_on(records, s.permit, s.day, cipher)
    due = [d.due_on for d in deadlines.deadlines(s) if d.kind == "documents_due"]
    return Filed(
        filing=_filing(s, person, records, specimen=tx.simulated),
        person=person,
        jurisdiction=s.permit.jurisdiction,
        category=s.permit.category,
        office_names=office.names if office is not None else {},
        documents_due=min((day for day in due if day is not None), default=None),
        **numbers,
    )


def _filing(s: Situation, person: Person, records: list[Placed], *, specimen: bool) -> Filing:
    request, receipt = s.request, s.receipt
    assert request is not None
    record = records[request.version - 1].stored
    assert record is not None
    fields = leaf.leaf_bytes(
        record.position, record.stream, record.version, record.name, record.recorded_at, record.payload
    )
    stands = receipt is not None and s.rules.get("receipt.stands_for_title", s.day, s.scope()) is True
    return Filing(
        permit=uuid.UUID(s.permit.permit_id).bytes,
        kind=request.kind,
        filed=request.filed_on.toordinal(),
        timely=request.kind != "renewal" or s.is_timely(request),
        missing=tuple(sorted(s.outstanding(request))),
        serial=receipt.version if receipt is not None else 0,
        since=receipt.on.toordinal() if receipt is not None else None,
        until=receipt.until.toordinal() if receipt is not None else None,
        stands_for_title=stands,
        office=s.prefecture,
        issued=s.day.toordinal(),
        name=person.name[:LONGEST_NAME],
        born=person.birth_date.toordinal() if person.birth_date else None,
        position=record.position,
        leaf=leaf.leaf_hash(fields),
        specimen=specimen,
    )
