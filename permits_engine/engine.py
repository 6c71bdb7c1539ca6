"""The façade: one place where policy, store and read models are wired together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection
from sqlalchemy import Engine as SqlEngine
from sqlalchemy.orm import Session

from permits_engine.application import rebuild as rebuilding
from permits_engine.application.adopted_policies import AdoptedPolicies
from permits_engine.application.context import Context
from permits_engine.application.data_protection import DataProtection
from permits_engine.application.executor import Executor
from permits_engine.application.outcome import Outcome, not_found, valid_actor
from permits_engine.application.queries import views
from permits_engine.application.queries.service import Questions
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.audit.integrity.service import Evidence
from permits_engine.audit.replay.service import Reviews
from permits_engine.audit.report.service import Accounts
from permits_engine.commands import Command, parse
from permits_engine.domain.decisions import lifecycle
from permits_engine.domain.errors import ConflictError, PermitsError
from permits_engine.domain.events import Actor
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.rules.competence import competence_error
from permits_engine.policies.loading import packaged, packaged_codes
from permits_engine.reader import Reader
from permits_engine.scheduler.notices import operations, pauses, renewal_token
from permits_engine.scheduler.notices.bounce import Bounce
from permits_engine.store.database import upgrade
from permits_engine.store.database.transactions import Database
from permits_engine.store.events.application import PermitsApplication
from permits_engine.store.events.timestamps import micros
from permits_engine.store.keys.key_files import default_key_file, in_memory, made_keys, master_keys
from permits_engine.store.keys.keyring import Keyring, holds_keys
from permits_engine.store.keys.master_keys import KeyService, MasterKeys
from permits_engine.store.log.signing_keys import SigningKeys

if TYPE_CHECKING:
    from permits_engine.application.register.importer import Report

INSTALLER = Actor("installer", "administrator")
"""Who adopts the packaged policies."""
ATTEMPTS = 3
"""How often a command without ``expected_version`` is decided again after somebody else was first."""
BATCH = 250
"""Commands in one transaction of ``execute_many``."""
_HOPELESS = frozenset({"store.unavailable", "store.not_initialised"})


def utc_now() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


class Engine(Questions, Evidence, Accounts, Reviews, DataProtection):
    """An open store. Thread-safe; nothing is global, no thread is started, nothing is logged or printed."""

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
        self.clock = clock
        self.signing = signing or SigningKeys(None)
        self.adopted = AdoptedPolicies()
        self.keyring = Keyring(keys)
        self.application = PermitsApplication(database=database, now=lambda: micros(clock()))
        self.context = Context(
            database,
            self.application,
            self.keyring,
            self.adopted,
            self.signing,
            clock=clock,
            operator=operator,
            random=random,
        )
        self.executor = Executor(self.context)

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
            engine = cls(
                database,
                MasterKeys.in_memory() if keys is None else master_keys(keys),
                clock=clock,
                operator=operator,
                random=random,
                signing=SigningKeys(None, in_memory=True),
            )
            upgrade.initialise(database, simulated=True, now=micros(clock()))
            if policies is None:
                engine._adopt_packaged()
            else:
                engine.adopt(*policies)
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
        simulated: bool = False,
        operator: str = "library",
        random: Callable[[int], bytes] = os.urandom,
    ) -> Self:
        """Create the store and its key files, adopt the packaged policies, and open it.

        A jurisdiction whose policy somebody adopted by hand keeps it. With a ``key_service`` the key file is wrapped by
        it. Raises ``store.unavailable`` where the key file of a store that holds people is missing.
        """
        place = keys if keys is not None else default_key_file(target)
        database = Database.open(target, create_ok=True)
        upgrade.initialise(database, simulated=simulated, now=micros(clock()))
        with database.read() as tx:
            has_keys = holds_keys(tx)
        # Made only for a store in which nothing was encrypted yet: another key would open none of it.
        masters = made_keys(place, key_service, make=not has_keys)
        signing = SigningKeys.beside(None if isinstance(place, MasterKeys) else place, signing_key)
        engine = cls(database, masters, clock=clock, operator=operator, random=random, signing=signing)
        signing.ensure(engine.origin)
        engine._adopt_packaged()
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

    # --- deciding ---

    def execute(
        self, command: Command, *, actor: Actor, session: Session | Connection | None = None
    ) -> Outcome:
        """Decide a command and record what follows, in one transaction.

        With the host's ``session`` the events commit or roll back with the host's own rows, and nothing is
        tried again. Raises ``PermitsError``; a refused command leaves no trace.
        """
        valid_actor(actor)
        once = session is not None or command.expected_version is not None
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.database.write(session) as tx:
                    uow = self.context.begin(tx)
                    outcome = self.executor.run(uow, command, actor)
                    uow.write()
                    return outcome
            except ConflictError as problem:
                if once or attempt == ATTEMPTS or problem.code != "concurrency.conflict":
                    raise
        raise AssertionError("unreachable")

    def execute_many(
        self, commands: Iterable[Command | tuple[Command, Actor]], *, actor: Actor | None = None
    ) -> Iterator[Outcome | PermitsError]:
        """Carry out many commands, several to a transaction; each gives its outcome or its error, in order.

        An item may bring its own actor. A refused command stops nothing. Outcomes are given only after
        their transaction has been committed.
        """
        batch: list[tuple[Command, Actor]] = []
        for item in commands:
            command, who = item if isinstance(item, tuple) else (item, actor)
            batch.append((command, valid_actor(who)))
            if len(batch) == BATCH:
                yield from self._batch(batch)
                batch = []
        yield from self._batch(batch)

    def import_register(
        self,
        path: str | Path,
        *,
        rejects: str | Path | None = None,
        jurisdiction: str = "MA",
        progress: Callable[[int, int], None] | None = None,
    ) -> Report:
        """Take an old register (CSV) over; run again after any interruption it ends the same."""
        from permits_engine.application.register.importer import import_register

        return import_register(
            self.database,
            self.context,
            path,
            rejects=rejects,
            jurisdiction=jurisdiction,
            progress=progress,
        )

    def _batch(self, batch: Sequence[tuple[Command, Actor]]) -> list[Outcome | PermitsError]:
        if not batch:
            return []
        try:
            with self.database.write() as tx:
                uow = self.context.begin(tx)
                self.executor.expect(uow, [command for command, _ in batch])
                answers = [self._one_of(uow, command, who) for command, who in batch]
                uow.write()
                return answers
        except PermitsError as problem:
            if problem.code in _HOPELESS:
                raise
            # Somebody else was first, or one of them cannot be written: then each by itself.
            return [self._alone(command, who) for command, who in batch]

    def _one_of(self, uow: UnitOfWork, command: Command, actor: Actor) -> Outcome | PermitsError:
        try:
            return self.executor.run(uow, command, actor)
        except PermitsError as problem:
            if uow.broken or problem.code in _HOPELESS:
                raise
            return problem

    def _alone(self, command: Command, actor: Actor) -> Outcome | PermitsError:
        try:
            return self.execute(command, actor=actor)
        except PermitsError as problem:
            if problem.code in _HOPELESS:
                raise
            return problem

    def check(self, command: Command, *, actor: Actor) -> tuple[str, ...]:
        """The events that a command would lead to, recording nothing; raises what it would."""
        with self.database.read() as tx:
            uow = self.context.begin(tx)
            outcome = self.executor.run(uow, command, actor)
            uow.rows()
            return outcome.events

    def allowed(self, permit_id: str, *, actor: Actor, on: date | None = None) -> list[str]:
        """The commands that the file's state and the actor's role and office allow on a day."""
        with self.database.read() as tx:
            permit = fold(permit_id, self.context.load(tx, permit_id))
            if permit is None:
                raise not_found(permit_id)
            policy = self.adopted.current(tx, permit.jurisdiction)
        today = self.context.today(policy)
        s = Situation(permit, on or today, policy.at(today))
        found = []
        for name in lifecycle.allowed_commands(s):
            body = s.pending_appeal.body if name == "decide_appeal" and s.pending_appeal else None
            if competence_error(policy.at(today), s.day, name, actor, s.prefecture, body) is None:
                found.append(name)
        return found

    def as_(self, actor: Actor, purpose: str | None = None) -> Reader:
        """The façade for a reader: what they may see by the policy, and personal data with their trace.

        ``purpose`` says what the look is for, where the policy asks for it.
        """
        return Reader(self, actor, purpose)

    def _adopt_packaged(self) -> None:
        with self.database.read() as tx:
            own = [
                code for code in packaged_codes() if self.adopted.adopted_by(tx, code) in {None, INSTALLER.id}
            ]
        self.adopt(*(packaged(code) for code in own), actor=INSTALLER)

    def adopt(self, *texts: str, actor: Actor | None = None) -> list[tuple[str, str, bool]]:
        """Make policy texts part of the history; gives jurisdiction, digest and whether it is new.

        ``actor`` is the administrator who adopts (default: the operator of the engine).
        """
        actor = actor or Actor(self.context.operator, "administrator")
        done = []
        for text in texts:
            with self.database.write() as tx:
                now = self.clock()
                stamp = self.context.stamper(actor, None, now.date())
                done.append(
                    self.adopted.adopt(
                        tx,
                        text,
                        stamp,
                        store=self.application.events,
                        now=micros(now),
                        today=now.date().isoformat(),
                    )
                )
        return done

    # --- keeping ---

    def retry_notice(self, notice_id: str, *, by: str) -> dict[str, Any]:
        """Let the next pass try a parked or failed message again."""
        with self.database.write() as tx:
            return operations.retry(self.context, tx, notice_id, by)

    def notice_served(self, notice_id: str, *, by: str) -> dict[str, Any]:
        """Record that a parked or failed message was handed to the holder in person."""
        with self.database.write() as tx:
            return operations.served(self.context, tx, notice_id, by)

    def notice_bounced(self, bounce: Bounce) -> dict[str, Any]:
        """Record that a sent message came back; the next pass tries its next channel."""
        with self.database.write() as tx:
            return operations.bounced(self.context, tx, bounce)

    def token_seal(self) -> Callable[[renewal_token.Token], str] | None:
        """What makes the tokens of reminders; nothing in a simulated store, or without a signing key."""
        with self.database.read() as tx:
            if tx.simulated or self.signing.path is None or not self.signing.path.exists():
                return None
        signer, origin = self.signing.signer(self.origin), self.origin
        return lambda token: renewal_token.issue(token, origin, signer.signature)

    def verify_token(self, text: str, *, on: date | None = None) -> dict[str, Any]:
        """What a token from a reminder allows on a day (default: today), with the command to file.

        Raises ``input.invalid`` for one that is not this store's, ``window.closed`` after its last day,
        ``transition.not_allowed`` where it has been used.
        """
        verifiers = self.signing.verifiers(self.origin)
        token = renewal_token.read(
            text, self.origin, lambda said, by: any(v.signed(said, by) for v in verifiers)
        )
        with self.database.read() as tx:
            s, _ = views.situation(self.context, tx, token.permit_id, on, None)
        renewal_token.usable(token, s)
        return renewal_token.shown(token)

    def pause(self, office: str | None = None, *, by: str, reason: str) -> None:
        """Hold messages back, of one office or of all, until they are resumed; clocks go on."""
        with self.database.write() as tx:
            pauses.pause(tx, office, by=by, reason=reason, now=self.context.now())

    def resume(self, office: str | None = None, *, by: str) -> None:
        """Let messages go out again."""
        with self.database.write() as tx:
            pauses.resume(tx, office, by=by, now=self.context.now())

    def rebuild(
        self,
        name: str | None = None,
        *,
        check: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> rebuilding.Report:
        """Compute the read models again from history; ``check`` compares and changes nothing."""
        return rebuilding.rebuild(self.database, self.context, name, check=check, progress=progress)


__all__ = ["Engine", "Outcome", "default_key_file", "parse"]
