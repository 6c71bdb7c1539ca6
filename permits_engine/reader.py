"""The façade for a named reader with role, office and purpose.

Personal data come only through it; whatever decrypts them leaves ``holder.accessed``, once per reader, holder and
day, before it is shown. ``application.access`` holds the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

import msgspec

from permits_engine.application.access import Access, is_look
from permits_engine.application.context import Context
from permits_engine.application.executor import Executor
from permits_engine.application.outcome import Outcome
from permits_engine.application.queries import difference, explanation, search, views
from permits_engine.application.queries.disclosure import LookRow, look_row
from permits_engine.application.queries.fresh_rows import fresh_rows
from permits_engine.commands import Command, fields
from permits_engine.documents.language import checked_language
from permits_engine.documents.wording import phrase_translator
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.domain.events import Actor
from permits_engine.domain.partial_dates import PartialDate
from permits_engine.domain.permit import explanations, rights
from permits_engine.projections import listing
from permits_engine.projections.holder import Person
from permits_engine.projections.listing import FoundRow, Page, Wanted
from permits_engine.projections.search_entries import NUMBERS
from permits_engine.store.database.host_transactions import HostSession
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events.application import event_store

if TYPE_CHECKING:
    from permits_engine.audit.service import ReaderAudit
    from permits_engine.documents.service import ReaderDocuments
    from permits_engine.scheduler.service import ReaderNotices

Rows = list[dict[str, Any]]


class Reader:
    """The façade for one reader; a command that it gives is given in their name."""

    def __init__(
        self,
        context: Context,
        executor: Executor,
        actor: Actor,
        purpose: str | None = None,
        *,
        all_offices: bool = False,
    ) -> None:
        """With ``all_offices`` the reach ``own`` covers every office, as for a set-up of one person."""
        self._context = context
        self._executor = executor
        self._access = access = Access(context, actor, purpose, all_offices=all_offices)
        self.queries = ReaderQueries(access)

    # Loaded when first used, as those of the engine.

    @cached_property
    def notices(self) -> ReaderNotices:
        """Notices about one permit; loaded when they are first used."""
        from permits_engine.scheduler.service import ReaderNotices

        return ReaderNotices(self._access)

    @cached_property
    def documents(self) -> ReaderDocuments:
        """Papers that name the holder; loaded when they are first used."""
        from permits_engine.documents.service import ReaderDocuments

        return ReaderDocuments(self._access)

    @cached_property
    def audit(self) -> ReaderAudit:
        """The history as a whole, and the dossier of one permit; loaded when it is first used."""
        from permits_engine.audit.service import ReaderAudit

        return ReaderAudit(self._access)

    @property
    def actor(self) -> Actor:
        """The reader."""
        return self._access.actor

    @property
    def purpose(self) -> str | None:
        """What the reader looks at personal data for."""
        return self._access.purpose

    # --- one permit ---

    def permit(
        self, permit_id: str, *, as_of: date | None = None, known_at: datetime | None = None
    ) -> views.PermitView:
        """Return the permit on a date; its numbers are none for a reader who may not see them."""
        return self._access.answer(
            permit_id,
            lambda file, decrypt: views.permit(file, as_of=as_of, known_at=known_at, decrypt=decrypt),
            lambda view: bool(view.file_number or view.card_number),
        )

    def deadlines(
        self, permit_id: str, *, on: date | None = None, known_at: datetime | None = None
    ) -> list[explanations.DeadlineRow]:
        """Return the deadlines that run on a day, with their working in words."""
        with self._context.database.read() as tx:
            return explanations.explained(self._access.file(tx, permit_id).situation(on, known_at))

    def history(self, permit_id: str, *, as_of: date | None = None, known_at: datetime | None = None) -> Rows:
        """Return every event of the permit; numbers and free text for a reader who may see them."""
        return self._access.answer(
            permit_id,
            lambda file, decrypt: views.history_of(file, as_of=as_of, known_at=known_at, decrypt=decrypt),
            lambda events: any(map(views.shows_encrypted, events)),
        )

    def explain(self, permit_id: str, version: int | None = None, *, language: str = "en") -> dict[str, Any]:
        """Return why an event was allowed, with its reasons for a reader who may see them."""
        say_in = partial(phrase_translator, checked_language(language))
        return self._access.answer(
            permit_id,
            lambda file, decrypt: explanation.explain(
                file, version, say_in, language=language, decrypt=decrypt
            ),
            views.shows_encrypted,
        )

    def find(
        self,
        *,
        name: str | None = None,
        birth_date: date | str | None = None,
        file_number: str | None = None,
        card_number: str | None = None,
        status: str | None = None,
        prefecture: str | None = None,
        expiring_before: date | None = None,
        holder_id: str | None = None,
        limit: int | None = 100,
        after: str | None = None,
    ) -> Page[FoundRow]:
        """Return permits, nearest expiry first: by status and the like, or of a person or number.

        A person is found by words of their name, former and other names included, in any order, without accents
        or case, and by what is known of the birth date (``1990``, ``1990-05``, a day); a row then says who they are.
        A person without a file has no ``permit_id``. ``limit`` rows at most; ``next`` is the following ``after``.
        """
        asked = _asked(name, birth_date, (("file_number", file_number), ("card_number", card_number)))
        wanted = Wanted(
            status=status,
            prefecture=prefecture,
            expiring_before=expiring_before,
            holder_id=holder_id,
            limit=limit,
            after=after,
        )
        context, access = self._context, self._access
        with context.database.read() as tx:
            if asked is None:
                return self._listed(tx, wanted)
            _, today = access.rules(tx)
            if birth_date is not None:
                page = search.people(context, tx, name or "", _born(birth_date), wanted, access.sees, today)
            else:
                page = search.numbered(context, tx, *asked, wanted, access.sees, today)
        access.note(dict.fromkeys(row["holder_id"] for row in page))
        return page

    def _listed(self, tx: Transaction, wanted: Wanted) -> Page[FoundRow]:
        """Return the list, narrowed to the offices that the reader may see."""
        office = self._access.listed_office(tx, wanted.prefecture)
        _, today = self._access.rules(tx)
        wanted = msgspec.structs.replace(wanted, prefecture=office)
        found = listing.listing(tx, today, wanted, fresh_rows(self._context, tx, today))
        return cast(Page[FoundRow], found)

    # --- acting ---

    def allowed(self, permit_id: str, *, on: date | None = None) -> list[str]:
        """Return the commands that this reader may give on the file now: what a portal's buttons need."""
        return self._executor.allowed(permit_id, actor=self.actor, on=on)

    def check(self, command: Command) -> tuple[str, ...]:
        """Return the events that a command of this reader would lead to, recording nothing."""
        return self._executor.check(command, actor=self.actor)

    def execute(self, command: Command, *, session: HostSession | None = None) -> Outcome:
        """Carry a command out in this reader's name."""
        return self._executor.execute(command, actor=self.actor, session=session)

    def execute_many(self, commands: Iterable[Command]) -> Iterator[Outcome | PermitsError]:
        """Carry many commands out in this reader's name."""
        return self._executor.execute_many(commands, actor=self.actor)


class ReaderQueries:
    """What else a reader may ask of a permit or a person."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._context = access.context

    def diff(
        self, permit_id: str, first: datetime, second: datetime | None = None, *, as_of: date | None = None
    ) -> difference.Difference:
        """Return what differs between two moments of knowledge; numbers for a reader who may see them."""
        return self._access.answer(
            permit_id,
            lambda file, decrypt: difference.diff(file, first, second, as_of=as_of, decrypt=decrypt),
            lambda found: any(each["field"] in NUMBERS for each in found["fields"]),
        )

    def rights(
        self, permit_id: str, *, on: date | None = None, known_at: datetime | None = None
    ) -> list[rights.RightRow]:
        """Return what the permit opens on a day."""
        with self._context.database.read() as tx:
            return rights.explained(self._access.file(tx, permit_id).situation(on, known_at))

    def holder(self, holder_id: str) -> Person:
        """Return what is known about a person; raise ``holder.not_found``, ``actor.not_competent``."""
        return self._access.person(holder_id)

    def accesses(self, holder_id: str) -> list[LookRow]:
        """Return who saw the person's data, as the person may be shown it, latest first."""
        with self._context.database.read() as tx:
            self._context.person(tx, holder_id)
            self._access.require_person(tx, holder_id)
            cipher = self._context.keyring.load(tx, holder_id)
            looks = [r for r in event_store(tx).stream(holder_id) if is_look(r)]
            return [look_row(views.shown(record, holder_id, cipher)) for record in reversed(looks)]


def _born(birth_date: date | str) -> PartialDate:
    try:
        return PartialDate.of(fields.birth_date(birth_date))
    except ValueError as problem:
        raise invalid("birth_date", str(problem)) from None


def _asked(
    name: str | None, birth_date: date | str | None, numbers: Sequence[tuple[str, str | None]]
) -> tuple[str, str] | None:
    """Return what a person or file is searched by; raise ``input.invalid`` where that is more or less than one."""
    asked = [(kind, value) for kind, value in (("name", name), *numbers) if value]
    if (name is None) != (birth_date is None):
        missing = "birth_date" if birth_date is None else "name"
        raise invalid(missing, "is missing: a person is found by name and birth date together")
    if len(asked) > 1 or (name is not None and not asked):
        field = asked[1][0] if asked else "name"
        raise invalid(field, "give a name, a file number or a card number, one of them")
    return asked[0] if asked else None
