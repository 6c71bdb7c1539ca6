"""Who may read what, and the record that a look at personal data leaves.

Who may read is policy data (``reading``): a file's dates and states (``file``), and what is encrypted under the
holder's key (``person``): names, contact, numbers, reasons. Each role has its reach there: ``own`` office, ``any``,
or ``purpose`` (any, where the reader says what for).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import TypeVar

from permits_engine.application.context import Context
from permits_engine.application.handlers import holders
from permits_engine.application.outcome import valid_actor
from permits_engine.application.queries import search
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.domain.errors import ConflictError, PermitsError, StoreError, error, invalid
from permits_engine.domain.events import Actor, HolderAccessed
from permits_engine.domain.rules import competence
from permits_engine.domain.rules.policy import Rules
from permits_engine.projections.holder import Person
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import Placed, event_store

Answer = TypeVar("Answer")

BATCH = 200
"""Holders whose trace is written in one transaction."""
ATTEMPTS = 5
"""How often the trace is tried, where others write about the same persons."""

_COUNTRIES = Statement("SELECT DISTINCT jurisdiction FROM permits ORDER BY jurisdiction")
_HOLDERS = Statement("SELECT holder_id FROM holders WHERE holder_id > :after ORDER BY holder_id LIMIT :size")


class Access:
    """What one reader may see, and the trace of their looks."""

    def __init__(
        self, context: Context, actor: Actor, purpose: str | None = None, *, all_offices: bool = False
    ) -> None:
        """With ``all_offices`` the reach ``own`` covers every office, as for a set-up of one person."""
        self.context = context
        self.actor = valid_actor(actor)
        self.purpose = _valid_purpose(purpose)
        self.all_offices = all_offices

    # --- who may ---

    def rules(self, tx: Transaction, jurisdiction: str | None = None) -> tuple[Rules, date]:
        """Return the rules in force and today, of a jurisdiction or else of the reader's own country."""
        code = jurisdiction or self.context.jurisdiction_of(tx, self.actor)
        policy = self.context.policies.current(tx, code)
        today = self.context.today(policy)
        return policy.at(today), today

    def refusal(
        self, tx: Transaction, what: str, office: str | None, jurisdiction: str | None = None
    ) -> PermitsError | None:
        """Return why the reader may not see a ``file`` or a ``person`` of an office."""
        rules, today = self.rules(tx, jurisdiction)
        where = None if self.all_offices else office
        return competence.reading_error(rules, today, what, self.actor, where, self.purpose)

    def require(
        self, tx: Transaction, office: str | None, jurisdiction: str | None, *, person: bool = False
    ) -> None:
        """Raise unless the reader may see the files of an office; with ``person``, the holders' data too."""
        for what in ("file", "person") if person else ("file",):
            problem = self.refusal(tx, what, office, jurisdiction)
            if problem is not None:
                raise problem

    def file(self, tx: Transaction, permit_id: str, *, person: bool = False) -> PermitFile:
        """Return a file; raise unless the reader may see it (with ``person``, the holder's data too)."""
        file = PermitFile(self.context, tx, permit_id)
        s = file.situation()
        self.require(tx, s.prefecture, s.permit.jurisdiction, person=person)
        return file

    def sees_person(self, file: PermitFile) -> bool:
        """Return whether the reader may see the personal data of a file."""
        s = file.situation()
        return self.refusal(file.tx, "person", s.prefecture, s.permit.jurisdiction) is None

    def person(self, holder_id: str) -> Person:
        """Return what is known about a person, and note the look; raise ``holder.not_found``."""
        with self.context.database.read() as tx:
            person = self.context.person(tx, holder_id)
            self.require_person(tx, holder_id)
        if person.family_name is not None:
            self.note([holder_id])
        return person

    def require_person(self, tx: Transaction, holder_id: str) -> None:
        """Raise unless the reader may see the person: through one of their files, or while they have none."""
        offices = search.offices_of(tx, holder_id)
        problems = [self.refusal(tx, "person", office, code) for code, office in offices]
        if not offices:
            problems = [self.refusal(tx, "person", None)]
        first = problems[0]
        if first is not None and all(problem is not None for problem in problems):
            raise first

    def sees(self, tx: Transaction, jurisdiction: str | None, office: str | None) -> bool:
        """Return whether the reader may see an office's files with their holders."""
        return (
            self.refusal(tx, "file", office, jurisdiction) is None
            and self.refusal(tx, "person", office, jurisdiction) is None
        )

    def listed_office(self, tx: Transaction, prefecture: str | None) -> str | None:
        """Return the office to which a list is narrowed for the reader; raise where they may not see it."""
        self.require(tx, prefecture or self.actor.prefecture, None)
        rules, today = self.rules(tx)
        reach = competence.reading_reach(rules, today, "file", self.actor)
        return self.actor.prefecture if reach == "own" and not self.all_offices else prefecture

    def require_everything(self, tx: Transaction, *, person: bool = False) -> None:
        """Raise unless the reader may see the files (with ``person``, the holders) of every office and country."""
        countries = [row[0] for row in tx.all(_COUNTRIES)] or [self.context.policies.home(tx)]
        for what in ("file", "person") if person else ("file",):
            for code in countries:
                self._require_every_office(tx, what, code)

    def _require_every_office(self, tx: Transaction, what: str, jurisdiction: str) -> None:
        rules, today = self.rules(tx, jurisdiction)
        problem = competence.reading_error(rules, today, what, self.actor, None, self.purpose)
        if problem is not None:
            raise problem
        if competence.reading_reach(rules, today, what, self.actor) == "own" and not self.all_offices:
            raise error(
                "actor.wrong_prefecture",
                f"the history holds the files of every office, and the role {self.actor.role} reads those of its own"
                " only; let an auditor do it",
                actor_prefecture=self.actor.prefecture,
                role=self.actor.role,
                reading=what,
            )

    # --- the trace ---

    def answer(
        self, permit_id: str, read: Callable[[PermitFile, bool], Answer], shows: Callable[[Answer], bool]
    ) -> Answer:
        """Return what ``read`` gives, with personal data where the reader may see them and the look can be noted.

        ``read`` takes the file and whether to decrypt; ``shows`` says whether the answer holds personal data.
        """
        with self.context.database.read() as tx:
            file = self.file(tx, permit_id)
            decrypt = self.sees_person(file)
            found = read(file, decrypt)
        if not decrypt or not shows(found):
            return found
        try:
            self.note([file.lodged.holder_id])
        except StoreError:
            # In a copy that cannot be written to, the file is shown without what would have to be noted.
            with self.context.database.read() as tx:
                return read(PermitFile(self.context, tx, permit_id), False)
        return found

    def note(self, holder_ids: Iterable[str]) -> None:
        """Note the look at each person, unless this reader's look of today is noted already."""
        with self.context.database.read() as tx:
            missing = self._unseen(tx, list(holder_ids), self.rules(tx)[1])
        if missing:
            self._write(missing, self.purpose, again=False)

    def note_again(self, holder_ids: Sequence[str], purpose: str) -> None:
        """Note the look at each person for a purpose of its own, however often they were looked at today."""
        self._write(holder_ids, purpose, again=True)

    def note_everybody(self, purpose: str) -> None:
        """Note a look at every holder whose data can be decrypted."""
        for page in self.context.database.pages(_HOLDERS, size=BATCH):
            self.note_again([row[0] for row in page], purpose)

    def _write(self, holder_ids: Sequence[str], purpose: str | None, *, again: bool) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.context.database.write() as tx:
                    uow = self.context.begin(tx)
                    # The versions first: a look that is noted after them makes this one a conflict.
                    uow.expect_holders(holder_ids)
                    _, today = self.rules(tx)
                    stamp = self.context.stamper(self.actor, None, today)
                    for holder_id in holder_ids if again else self._unseen(tx, holder_ids, today):
                        holders.note_access(uow, holder_id, stamp, purpose)
                    uow.write()
                    return
            except ConflictError:
                if attempt == ATTEMPTS:
                    raise

    def _unseen(self, tx: Transaction, holder_ids: Sequence[str], today: date) -> list[str]:
        found = event_store(tx).several(holder_ids)
        return [each for each in found if not self._seen(found[each], today)]

    def _seen(self, records: Iterable[Placed], today: date) -> bool:
        return any(
            is_look(each) and each.event.effective_on == today and each.event.actor.id == self.actor.id
            for each in records
        )


def is_look(record: Placed) -> bool:
    """Return whether an event is ``holder.accessed``."""
    return isinstance(record.event, HolderAccessed)


def _valid_purpose(purpose: object) -> str | None:
    if purpose is None:
        return None
    if not isinstance(purpose, str) or not purpose.strip() or len(purpose) > 500:
        raise invalid("purpose", "is blank or longer than 500 characters; say in a line what the look is for")
    return purpose.strip()
