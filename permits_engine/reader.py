"""The façade for a named reader with role, office and purpose.

Personal data come only through it; whatever decrypts them leaves ``holder.accessed``, once per reader, holder and
day, before it is shown. ``application.access`` holds the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from permits_engine.application.access import Access, is_look
from permits_engine.application.context import Context
from permits_engine.application.executor import Executor
from permits_engine.application.outcome import Outcome
from permits_engine.application.queries import difference, explanation, search, views
from permits_engine.application.queries import notices as notice_history
from permits_engine.application.queries.disclosure import Disclosure, LookRow, disclosure, look_row
from permits_engine.commands import Command
from permits_engine.documents.language import checked_language, phrase_translator
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.events import EVENTS, Actor
from permits_engine.domain.permit.explanations import DeadlineRow
from permits_engine.domain.permit.rights import RightRow
from permits_engine.projections import listing
from permits_engine.projections.holder import Person
from permits_engine.projections.listing import FoundRow, NoticeRow, Page, Wanted
from permits_engine.projections.search_entries import NUMBERS
from permits_engine.scheduler.delivery.channel import Letter
from permits_engine.scheduler.notices import operations
from permits_engine.store.database.host_transactions import HostSession
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events import history
from permits_engine.store.events.application import event_store

if TYPE_CHECKING:
    from permits_engine.audit.dossier.gather import Dossier
    from permits_engine.audit.exports.export import Export
    from permits_engine.documents.attestation import Attestation
    from permits_engine.documents.receipt import Paper

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
        self.notices = ReaderNotices(access)
        self.documents = ReaderDocuments(access)
        self.audit = ReaderAudit(access)

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
    ) -> list[DeadlineRow]:
        """Return the deadlines that run on a day, with their working in words."""
        with self._context.database.read() as tx:
            return views.deadlines_of(self._access.file(tx, permit_id), on, known_at)

    def history(self, permit_id: str, *, as_of: date | None = None, known_at: datetime | None = None) -> Rows:
        """Return every event of the permit; numbers and free text for a reader who may see them."""
        return self._access.answer(
            permit_id,
            lambda file, decrypt: views.history_of(file, as_of=as_of, known_at=known_at, decrypt=decrypt),
            _any_shows,
        )

    def explain(self, permit_id: str, version: int | None = None, *, language: str = "en") -> dict[str, Any]:
        """Return why an event was allowed, with its reasons for a reader who may see them."""
        say_in = partial(phrase_translator, checked_language(language))
        return self._access.answer(
            permit_id,
            lambda file, decrypt: explanation.explain(file, version, say_in, decrypt=decrypt),
            _shows,
        )

    def find(
        self,
        *,
        name: str | None = None,
        birth_date: date | None = None,
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

        A person is found by words of their name and the birth date, in any order, without accents or case; a
        row then says who they are. A person without a file is a row without ``permit_id``. ``limit`` rows at
        most; the page's ``next`` is the ``after`` of the following one.
        """
        numbers = (("file_number", file_number), ("card_number", card_number))
        asked = [(kind, value) for kind, value in (("name", name), *numbers) if value]
        if (name is None) != (birth_date is None):
            missing = "birth_date" if birth_date is None else "name"
            raise invalid(missing, "is missing: a person is found by name and birth date together")
        if len(asked) > 1 or (name is not None and not asked):
            field = asked[1][0] if asked else "name"
            raise invalid(field, "give a name, a file number or a card number, one of them")
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
            if not asked:
                return self._listed(tx, wanted)
            _, today = access.rules(tx)
            if name is not None and birth_date is not None:
                page = search.people(context, tx, name, birth_date, wanted, access.sees, today)
            else:
                page = search.numbered(context, tx, *asked[0], wanted, access.sees, today)
        access.note(dict.fromkeys(row["holder_id"] for row in page))
        return page

    def _listed(self, tx: Transaction, wanted: Wanted) -> Page[FoundRow]:
        """Return the list, narrowed to the offices that the reader may see."""
        office = self._access.listed_office(tx, wanted.prefecture)
        today = self._context.today(self._context.policies.current(tx, "MA"))
        found = listing.listing(tx, today, msgspec.structs.replace(wanted, prefecture=office))
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
    ) -> list[RightRow]:
        """Return what the permit opens on a day."""
        with self._context.database.read() as tx:
            return views.rights_of(self._access.file(tx, permit_id), on, known_at)

    def holder(self, holder_id: str) -> Person:
        """Return what is known about a person; raise ``holder.not_found``, ``actor.not_competent``."""
        return _person(self._access, holder_id)

    def accesses(self, holder_id: str) -> list[LookRow]:
        """Return who saw the person's data, as the person may be shown it, latest first."""
        with self._context.database.read() as tx:
            self._context.person(tx, holder_id)
            self._access.require_person(tx, holder_id)
            cipher = self._context.keyring.load(tx, holder_id)
            looks = [r for r in event_store(tx).stream(holder_id) if is_look(r)]
            return [look_row(views.shown(record, holder_id, cipher)) for record in reversed(looks)]


class ReaderNotices:
    """The notices about permits that a reader may see."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._context = access.context

    def list(self, permit_id: str, *, state: str | None = None, limit: int | None = 100) -> list[NoticeRow]:
        """Return the notices about one permit."""
        with self._context.database.read() as tx:
            self._access.file(tx, permit_id)
            return listing.messages(tx, state=state, permit_id=permit_id, limit=limit)

    def history(self, notice_id: str) -> Rows:
        """Return every event of a notice, with the channels' answers for a reader who may see them."""
        return self._access.answer(
            self._permit_of(notice_id),
            lambda file, decrypt: notice_history.history_of(
                self._context, file.tx, notice_id, decrypt=decrypt
            ),
            _any_shows,
        )

    def letter(self, notice_id: str) -> Letter:
        """Return a notice's letter as composed today; without names for a reader who may not see them."""
        return self._access.answer(
            self._permit_of(notice_id),
            lambda file, decrypt: operations.letter(self._context, file.tx, notice_id, decrypt=decrypt),
            lambda letter: bool(letter.to_address),
        )

    def _permit_of(self, notice_id: str) -> str:
        with self._context.database.read() as tx:
            return notice_history.permit_of(tx, notice_id)


class ReaderDocuments:
    """Papers that name the holder; each look is noted before the paper is given."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._context = access.context

    def attestation(
        self, permit_id: str, *, on: date | None = None, language: str | None = None, form: str = "text"
    ) -> Attestation:
        """Return a printable attestation of what the permit opens on a day, in the holder's language or another.

        ``form`` is text or html.
        """
        from permits_engine.documents.attestation import attest

        with self._context.database.read() as tx:
            file = self._access.file(tx, permit_id, person=True)
            paper = attest(file, on=on, language=language, form=form)
        self._access.note([file.lodged.holder_id])
        return paper

    def receipt(self, permit_id: str) -> Paper:
        """Return the holder's receipt of the latest filing with its signed proof; raise ``holder.erased``.

        Nothing of it is kept: the same file gives the same proof on the same day.
        """
        from permits_engine.documents.receipt import issue

        origin = self._context.origin
        with self._context.database.read() as tx:
            file = self._access.file(tx, permit_id)
            holder_id = file.lodged.holder_id
            if not self._access.sees_person(file):
                self._access.require_person(tx, holder_id)
            paper = issue(file, origin, self._context.signing.signer(origin).signature)
        self._access.note([holder_id])
        return paper

    def disclosure(self, holder_id: str) -> Disclosure:
        """Return all that is held about a person, who looked at it (this reader too), and how long it is kept."""
        _person(self._access, holder_id)
        with self._context.database.read() as tx:
            return disclosure(self._context, tx, holder_id)


class ReaderAudit:
    """The history as a whole, and the dossier of one permit."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._context = access.context

    def export(
        self,
        out: str | Path,
        formats: str | Sequence[str] = "parquet",
        *,
        with_personal_data: bool = False,
        force: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Export:
        """Write the whole history for other tools, for a reader who may see the files of every office.

        With personal data every holder gets ``holder.accessed`` with the purpose, before their data are
        decrypted, once for each export. Raises ``actor.not_competent``, ``actor.wrong_prefecture``,
        ``input.invalid``, also for an export with personal data and without a purpose.
        """
        from permits_engine.audit.exports import export as exports

        wanted = exports.formats_of(formats)
        with self._context.database.read() as tx:
            self._access.require_everything(tx, person=with_personal_data)
            until = history.head(tx).position
        keyring = None
        if with_personal_data:
            purpose = self._purpose("exported")
            exports.check_place(out, wanted, force=force)
            self._access.note_everybody(f"export ({', '.join(wanted)}): {purpose}")
            keyring = self._context.keyring
        return exports.export(
            self._context.database, out, wanted, keyring=keyring, until=until, force=force, progress=progress
        )

    def dossier(self, permit_id: str, *, with_personal_data: bool = False) -> Dossier:
        """Return everything about one permit for a court, with the proof of each event.

        With personal data the holder gets ``holder.accessed`` with the purpose first, each time. Raises
        ``actor.not_competent``, ``actor.wrong_prefecture``, ``input.invalid`` without a purpose, ``holder.erased``.
        """
        from permits_engine.audit.dossier.gather import gather

        access = self._access
        with self._context.database.read() as tx:
            file = access.file(tx, permit_id, person=with_personal_data)
            holder_id, key = file.lodged.holder_id, file.cipher() if with_personal_data else None
        if with_personal_data:
            purpose = self._purpose("needed")
            if key is None:
                raise error(
                    "holder.erased",
                    "the holder's personal data were erased; ask for the dossier without them",
                    holder_id=holder_id,
                )
            access.note_again([holder_id], f"dossier: {purpose}")
        who = f"{access.actor.id} ({access.actor.role})"
        return gather(
            self._context, permit_id, decrypt=with_personal_data, reader=who, purpose=access.purpose
        )

    def _purpose(self, done: str) -> str:
        if self._access.purpose is None:
            raise invalid("--purpose", f"is missing: say in a line what the personal data are {done} for")
        return self._access.purpose


def _person(access: Access, holder_id: str) -> Person:
    with access.context.database.read() as tx:
        person = access.context.person(tx, holder_id)
        access.require_person(tx, holder_id)
    if person.family_name is not None:
        access.note([holder_id])
    return person


def _any_shows(events: Rows) -> bool:
    return any(map(_shows, events))


def _shows(event: dict[str, Any]) -> bool:
    """Return whether a decrypted event shows anything that is kept encrypted."""
    return any(event.get(field) is not None for field in EVENTS[event["type"]].ENCRYPTED)
