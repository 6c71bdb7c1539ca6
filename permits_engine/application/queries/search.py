"""Search for people and files by encrypted data: candidates from the blind index, compared after decryption."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

from permits_engine.application.context import Context
from permits_engine.application.queries import views
from permits_engine.application.queries.fresh_rows import fresh_rows
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.domain.errors import invalid
from permits_engine.domain.partial_dates import PartialDate
from permits_engine.projections import listing
from permits_engine.projections.holder import Person
from permits_engine.projections.listing import FoundRow, Page, Wanted
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.keys import blind_index

MOST = 1000
"""People or files that one search may find."""

Sees = Callable[[Transaction, str | None, str | None], bool]
"""Whether the reader may see a file of a jurisdiction and an office (none: a person without a file)."""

_OFFICES = Statement(
    "SELECT DISTINCT jurisdiction, prefecture FROM permits WHERE holder_id = :holder_id"
    " ORDER BY jurisdiction, prefecture"
)


def offices_of(tx: Transaction, holder_id: str) -> list[tuple[str, str]]:
    """Return jurisdiction and office of every file of a person."""
    return [(row[0], row[1]) for row in tx.all(_OFFICES, {"holder_id": holder_id})]


def people(
    context: Context, tx: Transaction, name: str, born: PartialDate, wanted: Wanted, sees: Sees, today: date
) -> Page[FoundRow]:
    """Return the files of all people of that name who may be born then, and those people who have no file."""
    if not blind_index.words(name):
        raise invalid("name", "holds no letter; give at least one word of the name")
    uow = context.begin(tx)
    candidates = _few(blind_index.persons(tx, context.keyring, name, list(map(str, born.compatible()))))
    uow.expect_persons(candidates)
    found = {each: uow.person(each) for each in candidates}
    matching = {
        each: p
        for each, p in found.items()
        if p.born and p.born.may_be(born) and blind_index.is_found(name, blind_index.spellings(p.names))
    }
    fresh = fresh_rows(context, tx, today, matching)
    rows = listing.rows(tx, today, wanted, holder_ids=list(matching), fresh=fresh)
    with_files = {row["holder_id"] for row in rows}
    without = [each for each in matching if each not in with_files and not offices_of(tx, each)]
    if wanted.narrow:
        without = []
    rows += [listing.without_file(each) for each in sorted(without)]
    return _page(tx, rows, matching, wanted, sees)


def numbered(
    context: Context, tx: Transaction, kind: str, value: str, wanted: Wanted, sees: Sees, today: date
) -> Page[FoundRow]:
    """Return the files with a file or card number, as corrected, older cards included."""
    asked = blind_index.number(value)
    if not asked:
        raise invalid(kind, "holds no letter and no digit; give the number as it is printed")
    candidates = _few(blind_index.files(tx, context.keyring, kind, value))
    bearing = {
        permit_id
        for _, permit_id in candidates
        if asked in map(blind_index.number, views.numbers_of(PermitFile(context, tx, permit_id), kind))
    }
    fresh = fresh_rows(context, tx, today, bearing)
    rows = listing.rows(tx, today, wanted, permit_ids=sorted(bearing), fresh=fresh)
    uow = context.begin(tx)
    people = {row["holder_id"]: uow.person(row["holder_id"]) for row in rows}
    return _page(tx, rows, people, wanted, sees)


def _few(candidates: list[Any]) -> list[Any]:
    if len(candidates) > MOST:
        raise invalid("name", f"more than {MOST} are found; give more of the name")
    return candidates


def _page(
    tx: Transaction, rows: Iterable[FoundRow], people: dict[str, Person], wanted: Wanted, sees: Sees
) -> Page[FoundRow]:
    seen = [row for row in rows if sees(tx, row["jurisdiction"], row["prefecture"])]
    page = listing.page(seen, wanted)
    for row in page:
        person = people[row["holder_id"]]
        row["family_name"] = person.family_name
        row["given_names"] = person.given_names
        row["birth_date"] = person.birth_date
    return page
