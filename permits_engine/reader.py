"""Reading as somebody: what a reader may see, and the trace that a look at a person's data leaves.

Who may read is policy data (``reading``): a file's dates and states (``file``), and what is encrypted under the
holder's key (``person``): names, contact, numbers, reasons. Each role has its reach there: ``own`` office, ``any``, or
``purpose`` (any, where the reader says what for). Whatever opens something encrypted leaves ``holder.accessed``, once
per reader, holder and day, before it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from permits_engine.application.access import _note, note_everybody, refusal
from permits_engine.application.queries import views
from permits_engine.audit.exports import export as exports
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.events import Actor
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events import history

if TYPE_CHECKING:
    from permits_engine.audit.dossier.gather import Dossier
    from permits_engine.engine import Engine

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from permits_engine.application import context
from permits_engine.application.handlers import holder_events
from permits_engine.application.outcome import Outcome, valid_actor
from permits_engine.application.queries import difference, explanation, search
from permits_engine.application.queries import notices as notices_room
from permits_engine.commands import Command
from permits_engine.documents.language import checked_language, phrase_translator
from permits_engine.domain.errors import ConflictError, StoreError
from permits_engine.domain.events import EVENTS, HolderAccessed
from permits_engine.domain.rules import competence
from permits_engine.domain.rules.policy import Rules
from permits_engine.projections.holder import Person
from permits_engine.projections.listing import Page, Wanted
from permits_engine.scheduler.delivery.channel import Letter
from permits_engine.scheduler.notices import operations
from permits_engine.store.events import codec
from permits_engine.store.events.history import StoredRecord

if TYPE_CHECKING:
    from permits_engine.documents.attestation import Attestation
    from permits_engine.documents.receipt import Paper
    from permits_engine.engine import Engine

Answer = TypeVar("Answer")
Rows = list[dict[str, Any]]

ATTEMPTS = 5
"""How often the trace of a look is tried, where others write about the same person."""


class Reader:
    """The façade for one reader; a command that it gives is given in their name."""

    def __init__(
        self, engine: Engine, actor: Actor, purpose: str | None = None, *, everywhere: bool = False
    ) -> None:
        """``everywhere``: what is the reader's own office is every office, as for a set-up of one person."""
        self._engine = engine
        self._context = engine.context
        self._everywhere = everywhere
        self.actor = valid_actor(actor)
        self.purpose = _valid_purpose(purpose)

    # --- one permit ---

    def permit(
        self, permit_id: str, *, as_of: date | None = None, known_at: datetime | None = None
    ) -> views.PermitView:
        """The permit on a date; its numbers are none for a reader who may not see them."""

        def read(tx: Transaction, opened: bool) -> views.PermitView:
            return views.permit(self._context, tx, permit_id, as_of=as_of, known_at=known_at, opened=opened)

        return self._opened(permit_id, read, lambda view: bool(view.file_number or view.card_number))

    def diff(
        self, permit_id: str, first: datetime, second: datetime | None = None, *, as_of: date | None = None
    ) -> dict[str, Any]:
        """What differs between two moments of knowledge; numbers for a reader who may see them."""

        def read(tx: Transaction, opened: bool) -> dict[str, Any]:
            return difference.diff(self._context, tx, permit_id, first, second, as_of=as_of, opened=opened)

        numbers = {"file_number", "card_number"}
        return self._opened(permit_id, read, lambda x: any(y["field"] in numbers for y in x["fields"]))

    def deadlines(self, permit_id: str, *, on: date | None = None, known_at: datetime | None = None) -> Rows:
        """Every legal clock of the permit that runs on a day, with its working in words."""
        with self._engine.database.read() as tx:
            self._file(tx, permit_id)
            return views.deadlines_of(self._context, tx, permit_id, on, known_at)

    def rights(self, permit_id: str, *, on: date | None = None, known_at: datetime | None = None) -> Rows:
        """What the permit opens on a day."""
        with self._engine.database.read() as tx:
            self._file(tx, permit_id)
            return views.rights_of(self._context, tx, permit_id, on, known_at)

    def attestation(
        self,
        permit_id: str,
        *,
        on: date | None = None,
        language: str | None = None,
        form: str = "text",
    ) -> Attestation:
        """A printable attestation of what the permit opens on a day, in the holder's language or another.

        ``form`` is text or html. It names the holder: the look is noted before it is given.
        """
        from permits_engine.documents.attestation import attest

        with self._engine.database.read() as tx:
            s, _ = views.situation(self._context, tx, permit_id, None, None)
            for what in ("file", "person"):
                problem = self._refusal(tx, what, s.prefecture, s.permit.jurisdiction)
                if problem is not None:
                    raise problem
            paper = attest(self._context, tx, permit_id, on=on, language=language, form=form)
        self._leave([s.permit.holder_id])
        return paper

    def history(self, permit_id: str, *, as_of: date | None = None, known_at: datetime | None = None) -> Rows:
        """Every event of the permit; numbers and free text for a reader who may see them."""

        def read(tx: Transaction, opened: bool) -> Rows:
            return views.history_of(
                self._context, tx, permit_id, as_of=as_of, known_at=known_at, opened=opened
            )

        return self._opened(permit_id, read, lambda events: any(map(_shows, events)))

    def explain(self, permit_id: str, version: int | None = None, *, language: str = "en") -> dict[str, Any]:
        """Why an event was allowed, with its reasons for a reader who may see them."""
        say_in = partial(phrase_translator, checked_language(language))

        def read(tx: Transaction, opened: bool) -> dict[str, Any]:
            return explanation.explain(self._context, tx, permit_id, version, say_in, opened=opened)

        return self._opened(permit_id, read, _shows)

    def notices(self, permit_id: str, *, state: str | None = None, limit: int | None = 100) -> Rows:
        """Messages about one permit."""
        with self._engine.database.read() as tx:
            self._file(tx, permit_id)
        return self._engine.notices(state=state, permit_id=permit_id, limit=limit)

    def notice_history(self, notice_id: str) -> Rows:
        """Every event of a message, with the channels' answers for a reader who may see them."""

        def read(tx: Transaction, opened: bool) -> Rows:
            return notices_room.history_of(self._context, tx, notice_id, opened=opened)

        return self._opened(self._permit_of(notice_id), read, lambda events: any(map(_shows, events)))

    def notice_letter(self, notice_id: str) -> Letter:
        """The letter of a message as the file stands now; it names nobody to a reader who may not see that."""

        def read(tx: Transaction, opened: bool) -> Letter:
            return operations.letter(self._context, tx, notice_id, opened=opened)

        return self._opened(self._permit_of(notice_id), read, lambda letter: bool(letter.to_address))

    def _permit_of(self, notice_id: str) -> str:
        with self._engine.database.read() as tx:
            return notices_room.permit_of(tx, notice_id)

    # --- people ---

    def holder(self, holder_id: str) -> Person:
        """What is known about a person; raises ``holder.not_found``, ``actor.not_competent``."""
        with self._engine.database.read() as tx:
            person = self._context.person(tx, holder_id)
            self._about(tx, holder_id)
        if person.family_name is not None:
            self._leave([holder_id])
        return person

    def accesses(self, holder_id: str) -> Rows:
        """Who saw the person's data, as the person can be shown it: reader, day, purpose, latest first."""
        with self._engine.database.read() as tx:
            self._context.person(tx, holder_id)
            self._about(tx, holder_id)
            cipher = self._context.keyring.load(tx, holder_id)
            looks = [r for r in history.stream(tx, holder_id) if _is_look(r)]
            shown = [views.shown(record, holder_id, cipher) for record in reversed(looks)]
        return [
            {
                "reader": each["actor"],
                "on": each["effective_on"],
                "recorded_at": each["recorded_at"],
                "purpose": each.get("purpose"),
                "operator": each["operator"],
            }
            for each in shown
        ]

    def disclosure(self, holder_id: str) -> dict[str, Any]:
        """All that is held about a person, who looked at it (this reader too), and how long it is kept."""
        from permits_engine.application.queries.disclosure import disclosure

        self.holder(holder_id)
        with self._engine.database.read() as tx:
            return disclosure(self._context, tx, holder_id)

    def receipt(self, permit_id: str) -> Paper:
        """The holder's receipt of the latest filing with its signed proof; raises ``holder.erased``.

        Nothing of it is kept: the same file gives the same proof on the same day.
        """
        from permits_engine.documents import receipt as paper
        from permits_engine.documents import receipt_proof
        from permits_engine.documents.filing import filed

        engine = self._engine
        with engine.database.read() as tx:
            holder_id, opened = self._file(tx, permit_id)
            if not opened:
                self._about(tx, holder_id)
            found = filed(self._context, tx, permit_id)
        signer = engine.signing.signer(engine.origin)
        self._leave([holder_id])
        return paper.Paper(found, receipt_proof.issue(found.filing, engine.origin, signer.signature))

    def find(
        self,
        *,
        name: str | None = None,
        birth_date: date | None = None,
        file_number: str | None = None,
        card_number: str | None = None,
        **conditions: Any,
    ) -> Page:
        """Permits, nearest expiry first: by status and the like, or of a person or number.

        A person is found by words of their name and the birth date, in any order, without accents or case; a
        row then says who they are. A person without a file is a row without ``permit_id``. ``limit`` rows at
        most; the page's ``next`` is the ``after`` of the following one.
        """
        asked = [kind for kind, value in (("name", name), *_numbers(file_number, card_number)) if value]
        if (name is None) != (birth_date is None):
            missing = "birth_date" if birth_date is None else "name"
            raise invalid(missing, "is missing: a person is found by name and birth date together")
        if name is None and not asked:
            return self._listed(conditions)
        if len(asked) != 1:
            raise invalid(
                asked[1] if asked else "name", "give a name, a file number or a card number, one of them"
            )
        wanted = Wanted(**conditions)
        with self._engine.database.read() as tx:
            _, today = self._rules(tx)
            if name is not None and birth_date is not None:
                page = search.people(self._context, tx, name, birth_date, wanted, self._sees, today)
            else:
                kind, value = asked[0], file_number or card_number or ""
                page = search.numbered(self._context, tx, kind, value, wanted, self._sees, today)
        self._leave(dict.fromkeys(row["holder_id"] for row in page))
        return page

    # --- acting ---

    def allowed(self, permit_id: str, *, on: date | None = None) -> list[str]:
        """The commands that this reader may give on the file now: what a portal's buttons need."""
        return self._engine.allowed(permit_id, actor=self.actor, on=on)

    def check(self, command: Command) -> tuple[str, ...]:
        """The events that a command of this reader would lead to, recording nothing."""
        return self._engine.check(command, actor=self.actor)

    def execute(self, command: Command, *, session: Any = None) -> Outcome:
        """Carry a command out in this reader's name."""
        return self._engine.execute(command, actor=self.actor, session=session)

    def execute_many(self, commands: Iterable[Command]) -> Iterator[Outcome | PermitsError]:
        """Carry many commands out in this reader's name."""
        return self._engine.execute_many(commands, actor=self.actor)

    # --- the history as a whole ---

    def export(
        self,
        out: str | Path,
        formats: str | Sequence[str] = "parquet",
        *,
        with_personal_data: bool = False,
        force: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> exports.Export:
        """Write the whole history for other tools, for a reader who may see the files of every office.

        With personal data every holder gets ``holder.accessed`` with the purpose, before anything of theirs is
        opened; each export leaves its own. Raises ``actor.not_competent``, ``actor.wrong_prefecture``,
        ``input.invalid``, also for an export with personal data and without a purpose.
        """
        engine = self._engine
        wanted = exports.formats_of(formats)
        with engine.database.read() as tx:
            for what in ("file", "person") if with_personal_data else ("file",):
                problem = refusal(
                    engine, tx, self.actor, what, purpose=self.purpose, everywhere=self._everywhere
                )
                if problem is not None:
                    raise problem
            until = history.head(tx).position
        keyring = None
        if with_personal_data:
            if self.purpose is None:
                raise invalid(
                    "--purpose", "is missing: say in a line what the personal data are exported for"
                )
            exports.check_place(out, wanted, force=force)
            note_everybody(engine, self.actor, f"export ({', '.join(wanted)}): {self.purpose}")
            keyring = engine.keyring
        return exports.export(
            engine.database, out, wanted, keyring=keyring, until=until, force=force, progress=progress
        )

    def dossier(self, permit_id: str, *, with_personal_data: bool = False) -> Dossier:
        """Everything about one permit for a court, with the proof of each event, for a reader who may see the file.

        With personal data the holder gets ``holder.accessed`` with the purpose first, each time. Raises
        ``actor.not_competent``, ``actor.wrong_prefecture``, ``input.invalid`` without a purpose, ``holder.erased``.
        """
        from permits_engine.audit.dossier.gather import gather

        engine = self._engine
        with engine.database.read() as tx:
            s, _ = views.situation(engine.context, tx, permit_id, None, None)
            for what in ("file", "person") if with_personal_data else ("file",):
                problem = self._refusal(tx, what, s.prefecture, s.permit.jurisdiction)
                if problem is not None:
                    raise problem
            key = engine.keyring.load(tx, s.permit.holder_id) if with_personal_data else None
        if with_personal_data:
            if self.purpose is None:
                raise invalid("--purpose", "is missing: say in a line what the personal data are needed for")
            if key is None:
                raise error(
                    "holder.erased",
                    "the holder's personal data were erased; ask for the dossier without them",
                    holder_id=s.permit.holder_id,
                )
            _note(engine, self.actor, [s.permit.holder_id], f"dossier: {self.purpose}")
        who = f"{self.actor.id} ({self.actor.role})"
        return gather(engine, permit_id, opened=with_personal_data, reader=who, purpose=self.purpose)

    # --- who may ---

    def _rules(self, tx: Transaction, jurisdiction: str | None = None) -> tuple[Rules, date]:
        code = jurisdiction or (self.actor.prefecture or context.DEFAULT_JURISDICTION)[:2]
        policy = self._engine.context.policies.current(tx, code)
        today = self._context.today(policy)
        return policy.at(today), today

    def _refusal(
        self, tx: Transaction, what: str, office: str | None, jurisdiction: str | None = None
    ) -> PermitsError | None:
        rules, today = self._rules(tx, jurisdiction)
        where = None if self._everywhere else office
        return competence.reading_error(rules, today, what, self.actor, where, self.purpose)

    def _file(self, tx: Transaction, permit_id: str) -> tuple[str, bool]:
        """The file's holder, and whether the reader may see what is encrypted; raises where they may see nothing."""
        s, _ = views.situation(self._context, tx, permit_id, None, None)
        code = s.permit.jurisdiction
        problem = self._refusal(tx, "file", s.prefecture, code)
        if problem is not None:
            raise problem
        return s.permit.holder_id, self._refusal(tx, "person", s.prefecture, code) is None

    def _about(self, tx: Transaction, holder_id: str) -> None:
        """Raise unless the reader may see the person: through one of their files, or while they have none."""
        offices = search.offices_of(tx, holder_id)
        problems = [self._refusal(tx, "person", office, code) for code, office in offices]
        if not offices:
            problems = [self._refusal(tx, "person", None)]
        first = problems[0]
        if first is not None and all(problem is not None for problem in problems):
            raise first

    def _sees(self, tx: Transaction, jurisdiction: str | None, office: str | None) -> bool:
        return (
            self._refusal(tx, "file", office, jurisdiction) is None
            and self._refusal(tx, "person", office, jurisdiction) is None
        )

    def _listed(self, conditions: dict[str, Any]) -> Page:
        """The list of the offices that the reader may see."""
        with self._engine.database.read() as tx:
            office = conditions.get("prefecture") or self.actor.prefecture
            problem = self._refusal(tx, "file", office)
            if problem is not None:
                raise problem
            rules, today = self._rules(tx)
            reach = competence.reading_reach(rules, today, "file", self.actor)
            if reach == "own" and not self._everywhere:
                conditions = {**conditions, "prefecture": self.actor.prefecture}
        return self._engine.find(**conditions)

    # --- the trace ---

    def _opened(
        self, permit_id: str, read: Callable[[Transaction, bool], Answer], shows: Callable[[Answer], bool]
    ) -> Answer:
        """An answer about a file, with what is personal where the reader may see it and the look can be noted."""
        with self._engine.database.read() as tx:
            holder_id, opened = self._file(tx, permit_id)
            answer = read(tx, opened)
        if not opened or not shows(answer):
            return answer
        try:
            self._leave([holder_id])
        except StoreError:
            # A copy that nobody can write to, say: the file is shown, and nothing that would have to be noted.
            with self._engine.database.read() as tx:
                return read(tx, False)
        return answer

    def _leave(self, holder_ids: Iterable[str]) -> None:
        """Note the look at each person, unless this reader's look of today is noted already."""
        wanted = list(holder_ids)
        for attempt in range(1, ATTEMPTS + 1):
            with self._engine.database.read() as tx:
                _, today = self._rules(tx)
                missing = self._unseen(tx, wanted, today)
            if not missing:
                return
            try:
                with self._engine.database.write() as tx:
                    uow = self._context.begin(tx)
                    # The versions first: a look that is noted after them makes this one a conflict.
                    uow.expect_holders(missing)
                    stamp = self._context.stamper(self.actor, None, today)
                    for holder_id in self._unseen(tx, missing, today):
                        holder_events.note_access(uow, holder_id, stamp, self.purpose)
                    uow.write()
                    return
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise

    def _unseen(self, tx: Transaction, holder_ids: Sequence[str], today: date) -> list[str]:
        found = history.streams(tx, holder_ids)
        return [each for each in found if not self._seen(found[each], today)]

    def _seen(self, records: Sequence[StoredRecord], today: date) -> bool:
        for record in reversed(records):
            if _is_look(record):
                event = codec.decode(record.name, record.payload)
                if event.effective_on == today and event.actor.id == self.actor.id:
                    return True
        return False


def _is_look(record: StoredRecord) -> bool:
    return record.name.startswith(f"{HolderAccessed.NAME}@")


def _shows(event: dict[str, Any]) -> bool:
    """Whether an event that was opened shows anything that had been encrypted."""
    return any(event.get(field) is not None for field in EVENTS[event["type"]].ENCRYPTED)


def _numbers(file_number: str | None, card_number: str | None) -> list[tuple[str, str | None]]:
    return [("file_number", file_number), ("card_number", card_number)]


def _valid_purpose(purpose: object) -> str | None:
    if purpose is None:
        return None
    if not isinstance(purpose, str) or not purpose.strip() or len(purpose) > 500:
        raise invalid("purpose", "is blank or longer than 500 characters; say in a line what the look is for")
    return purpose.strip()
