"""The façade: one place where policy, store and read models are wired together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from eventsourcing.persistence import Tracking
from sqlalchemy import Engine as SqlEngine

from permits_engine.application.adopted_policies import AdoptedPolicies
from permits_engine.application.context import Context
from permits_engine.application.data_protection import Keys, Privacy
from permits_engine.application.executor import Executor
from permits_engine.application.outcome import Outcome
from permits_engine.application.policies import Policies, checked_jurisdictions
from permits_engine.application.queries import explanation, feed, views
from permits_engine.application.queries.fresh_rows import fresh_rows
from permits_engine.application.queries.permit_file import PermitFile
from permits_engine.application.queries.service import Queries
from permits_engine.commands import Command, parse
from permits_engine.documents.language import checked_language
from permits_engine.documents.wording import phrase_translator
from permits_engine.domain.errors import PermitsError, invalid
from permits_engine.domain.events import Actor
from permits_engine.domain.permit import explanations
from permits_engine.projections import listing
from permits_engine.reader import Reader
from permits_engine.scheduler.daemon import health
from permits_engine.store.database import upgrade
from permits_engine.store.database.host_transactions import HostSession
from permits_engine.store.database.transactions import Database
from permits_engine.store.events.application import PermitsApplication
from permits_engine.store.events.timestamps import micros
from permits_engine.store.keys.key_files import default_key_file, in_memory, made_keys, master_keys
from permits_engine.store.keys.keyring import Keyring, holds_keys
from permits_engine.store.keys.master_keys import KeyService, MasterKeys
from permits_engine.store.log.signing_keys import SigningKeys

if TYPE_CHECKING:
    from permits_engine.application.maintenance import Store
    from permits_engine.audit.replay.service import Replays
    from permits_engine.audit.service import Audit
    from permits_engine.documents.service import Documents
    from permits_engine.scheduler.delivery.channel import Channel
    from permits_engine.scheduler.passes.preview import PreviewRow
    from permits_engine.scheduler.passes.reconciler import Pass
    from permits_engine.scheduler.service import Notices


def utc_now() -> datetime:
    """Return the machine's time, in UTC."""
    return datetime.now(UTC)


class Engine:
    """An open store. Thread-safe; nothing is global, no thread is started, nothing is logged or printed.

    Commands and the questions about one permit are methods; all else is reached through the parts: ``queries``,
    ``notices``, ``policies``, ``privacy``, ``keys``, ``documents``, ``audit``, ``replays`` and ``store``.
    """

    def __init__(
        self,
        database: Database,
        keys: MasterKeys,
        *,
        clock: Callable[[], datetime] = utc_now,
        operator: str = "library",
        random: Callable[[int], bytes] = os.urandom,
        signing: SigningKeys | None = None,
    ) -> None:
        self.database = database
        self.application = PermitsApplication(database=database, now=lambda: micros(clock()))
        self.context = Context(
            database,
            self.application,
            Keyring(keys),
            AdoptedPolicies(),
            signing or SigningKeys(None),
            clock=clock,
            operator=operator,
            random=random,
        )
        self.executor = Executor(self.context)
        self.queries = Queries(self.context, health.facts)
        self.policies = Policies(self.context)
        self.privacy = Privacy(self.context, self.executor)
        self.keys = Keys(self.context)

    # Together the parts cost half a second to load, and a command needs one of them or none.

    @cached_property
    def notices(self) -> Notices:
        """Notices to holders and offices; loaded when it is first used."""
        from permits_engine.scheduler.service import Notices

        return Notices(self.context)

    @cached_property
    def documents(self) -> Documents:
        """Papers that name no holder; loaded when they are first used."""
        from permits_engine.documents.service import Documents

        return Documents(self.context)

    @cached_property
    def store(self) -> Store:
        """Read models rebuilt, backups, a register imported; loaded when it is first used."""
        from permits_engine.application.maintenance import Store

        return Store(self.context)

    @cached_property
    def audit(self) -> Audit:
        """Tamper evidence, exports, who did what, the annual account; loaded when it is first used."""
        from permits_engine.audit.service import Audit

        return Audit(self.context)

    @cached_property
    def replays(self) -> Replays:
        """The history decided again, under its own rules or others; loaded when it is first used."""
        from permits_engine.audit.replay.service import Replays

        return Replays(self.context, self.executor)

    # --- opening ---

    @classmethod
    def open(
        cls,
        target: str | SqlEngine = "sqlite:///permits.db",
        *,
        clock: Callable[[], datetime] = utc_now,
        keys: MasterKeys | str | Path | None = None,
        signing_key: str | Path | None = None,
        policies: Iterable[str] | None = None,
        operator: str = "library",
        random: Callable[[int], bytes] = os.urandom,
    ) -> Self:
        """Open an initialised store; an in-memory one (``sqlite://``) is made on the spot.

        ``keys`` is the master key or its file (default: beside a SQLite store), ``signing_key`` the file of
        the key that signs checkpoints (default: beside that file). ``policies`` are policy texts to adopt
        into an in-memory store (default: the packaged ones). Raises ``store.not_initialised``,
        ``store.unavailable``.
        """
        database = Database.open(target)
        if in_memory(target):
            masters = MasterKeys.in_memory() if keys is None else master_keys(keys)
            signing = SigningKeys(None, in_memory=True)
            engine = cls(database, masters, clock=clock, operator=operator, random=random, signing=signing)
            upgrade.initialise(database, simulated=True, now=micros(clock()))
            if policies is None:
                engine.policies.adopt_packaged()
            else:
                engine.policies.adopt(*policies)
            return engine
        upgrade.require_current(database)
        place = default_key_file(target) if keys is None else keys
        signing = SigningKeys.beside(None if isinstance(place, MasterKeys) else place, signing_key)
        return cls(
            database, master_keys(place), clock=clock, operator=operator, random=random, signing=signing
        )

    @classmethod
    def initialise(
        cls,
        target: str | SqlEngine,
        *,
        keys: MasterKeys | str | Path | None = None,
        key_service: KeyService | None = None,
        signing_key: str | Path | None = None,
        clock: Callable[[], datetime] = utc_now,
        jurisdictions: Iterable[str] | None = None,
        simulated: bool = False,
        operator: str = "library",
        random: Callable[[int], bytes] = os.urandom,
    ) -> Self:
        """Create the store and its key files, adopt packaged policies, and open it.

        ``jurisdictions`` are those to adopt (default: all, or those that the store has); the first of a new store
        is its home country. One whose policy was adopted by an administrator keeps it. With a ``key_service`` the
        key file is wrapped by it. Raises ``store.unavailable`` where the key file of a store that holds people is
        missing.
        """
        wanted = checked_jurisdictions(jurisdictions)
        place = keys if keys is not None else default_key_file(target)
        database = Database.open(target, create_ok=True)
        upgrade.initialise(database, simulated=simulated, now=micros(clock()))
        with database.read() as tx:
            has_people = holds_keys(tx)
        # Made only for a store without holders' keys: another master key would decrypt none of them.
        masters = made_keys(place, key_service, make=not has_people)
        signing = SigningKeys.beside(None if isinstance(place, MasterKeys) else place, signing_key)
        engine = cls(database, masters, clock=clock, operator=operator, random=random, signing=signing)
        signing.ensure(engine.context.origin)
        engine.policies.adopt_packaged(wanted)
        return engine

    def close(self) -> None:
        """Give back every connection of the engine's own."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- commands ---

    def execute(
        self,
        command: Command,
        *,
        actor: Actor,
        session: HostSession | None = None,
        tracking: Tracking | None = None,
    ) -> Outcome:
        """Decide a command and record what follows, in one transaction.

        With the host's ``session`` the events commit or roll back with the host's own rows, and nothing is
        tried again. ``tracking`` is the notification of another application that the command follows from: it is
        recorded in the same transaction, and refused (``concurrency.conflict``) if it was recorded before.
        Raises ``PermitsError``; a refused command leaves no trace.
        """
        return self.executor.execute(command, actor=actor, session=session, tracking=tracking)

    def execute_many(
        self, commands: Iterable[Command | tuple[Command, Actor]], *, actor: Actor | None = None
    ) -> Iterator[Outcome | PermitsError]:
        """Carry out many commands, several to a transaction; yield the outcome or the error of each, in order.

        An item may bring its own actor. A refused command stops nothing. Outcomes are given only after
        their transaction has been committed.
        """
        return self.executor.execute_many(commands, actor=actor)

    def check(self, command: Command, *, actor: Actor) -> tuple[str, ...]:
        """Return the events that a command would lead to, recording nothing; raise what it would."""
        return self.executor.check(command, actor=actor)

    def allowed(self, permit_id: str, *, actor: Actor, on: date | None = None) -> list[str]:
        """Return the commands that the file's state and the actor's role and office allow on a day."""
        return self.executor.allowed(permit_id, actor=actor, on=on)

    def as_(self, actor: Actor, purpose: str | None = None, *, all_offices: bool = False) -> Reader:
        """Return the façade for a reader: what they may see by the policy, and personal data with their trace.

        ``purpose`` says what the look is for, where the policy asks for it. With ``all_offices`` the reach
        ``own`` covers every office, as for a set-up of one person.
        """
        return Reader(self.context, self.executor, actor, purpose, all_offices=all_offices)

    # --- questions ---

    def permit(
        self, permit_id: str, *, as_of: date | None = None, known_at: datetime | None = None
    ) -> views.PermitView:
        """Return the permit on a legal date (default: today), as known at a moment (default: now)."""
        with self.database.read() as tx:
            return views.permit(PermitFile(self.context, tx, permit_id), as_of=as_of, known_at=known_at)

    def history(
        self, permit_id: str, *, as_of: date | None = None, known_at: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Return every event of the permit, in order, with its envelope; personal data are shown through ``as_``.

        Only those with a legal date until ``as_of`` and recorded by ``known_at``, where these are given.
        """
        with self.database.read() as tx:
            return views.history_of(PermitFile(self.context, tx, permit_id), as_of=as_of, known_at=known_at)

    def explain(self, permit_id: str, version: int | None = None, *, language: str = "en") -> dict[str, Any]:
        """Return why an event was allowed: who did it, and each rule as it then was (default: the last one).

        ``language`` (fr, ar, en) is that of what the rules say: the working of deadlines, the quality checks, what a
        decision departs from. Reasons in words are shown through ``as_``.
        """
        say_in = partial(phrase_translator, checked_language(language))
        with self.database.read() as tx:
            file = PermitFile(self.context, tx, permit_id)
            return explanation.explain(file, version, say_in, language=language)

    def find(
        self,
        *,
        status: str | None = None,
        prefecture: str | None = None,
        expiring_before: date | None = None,
        holder_id: str | None = None,
        limit: int | None = 100,
        after: str | None = None,
        **personal: Any,
    ) -> listing.Page[listing.PermitRow]:
        """Return permits by status, prefecture, holder and expiry, nearest expiry first, from the read model.

        ``limit`` rows at most; the page's ``next`` is the ``after`` of the following one. People are found by name
        and numbers through ``as_``: anything of that here is ``input.invalid``.
        """
        for field in personal:
            raise invalid(field, "is personal: ask as a reader, engine.as_(actor).find(…)")
        wanted = listing.Wanted(
            status=status,
            prefecture=prefecture,
            expiring_before=expiring_before,
            holder_id=holder_id,
            limit=limit,
            after=after,
        )
        with self.database.read() as tx:
            today = self.queries.today()
            return listing.listing(tx, today, wanted, fresh_rows(self.context, tx, today))

    def deadlines(
        self, permit_id: str, *, on: date | None = None, known_at: datetime | None = None
    ) -> list[explanations.DeadlineRow]:
        """Return the deadlines of the permit that run on a day, with their working in words."""
        with self.database.read() as tx:
            return explanations.explained(PermitFile(self.context, tx, permit_id).situation(on, known_at))

    def subscribe(
        self, *, after: int = 0, timeout: float | None = 1.0, names: tuple[str, ...] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the events after a position in the store's one order, and those to come.

        Each is as ``history`` shows it, with its ``stream``; personal fields stay encrypted. The iteration ends
        when no event came for ``timeout`` seconds (none: never); resume after the position of the last event
        processed. ``names`` keeps the events of those names only.
        """
        return feed.events(self.application, after, timeout=timeout, names=names)

    def preview(self, *, on: date | None = None) -> list[PreviewRow]:
        """Return what a pass of the scheduler would do on a day (default: today), doing nothing."""
        return self.notices.preview(on=on)

    # --- the scheduler ---

    def run_pass(self, *, on: date | None = None, channels: Sequence[Channel] | None = None) -> Pass:
        """Record what time alone does, and which messages are due: now, or as of 09:00 local time of a day.

        With ``channels`` the letters leave too: to holders through the first channel that reaches them, to offices to
        their counters. Without, they stay due. Raises ``scheduler.busy`` while another process runs the passes,
        ``scheduler.braked`` where a clock is wrong, ``input.invalid`` for a day after today.
        """
        return self.notices.run_pass(on=on, channels=channels or ())


__all__ = ["Engine", "Outcome", "default_key_file", "parse"]
