"""The façade's half for whoever answers for personal data: requests, holds, erasures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TypedDict

import msgspec

from permits_engine.application.context import Context
from permits_engine.application.executor import Executor
from permits_engine.application.queries import data_requests
from permits_engine.application.queries.disclosure import RetentionRule
from permits_engine.application.queries.retention import Plan
from permits_engine.application.queries.retention_obstacles import ObstacleRow
from permits_engine.commands import EraseHolder
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import Actor


class Erasure(TypedDict):
    """An erased holder, and the cleaning that followed."""

    holder_id: str
    erased: bool
    already: bool
    version: int
    events: list[str]
    letters_removed: int
    linked_to: list[str]


class AppliedRetention(TypedDict):
    """A retention plan that was carried out."""

    plan: str
    erased: int
    letters_removed: int


class RotatedKeys(TypedDict):
    """The master keys after a rotation."""

    active: str
    rewrapped: int
    kept: list[str]


class DroppedKey(TypedDict):
    """The master keys without one."""

    active: str
    dropped: str
    kept: list[str]


class KeyUse(TypedDict):
    """A master key, and how many holders' keys it wraps."""

    key: str
    active: bool
    in_file: bool
    wraps: int


class Privacy:
    """What a data-protection officer asks of an open store."""

    def __init__(self, context: Context, executor: Executor) -> None:
        self._context = context
        self._executor = executor

    def erase(
        self,
        holder_id: str,
        *,
        reason: str,
        actor: Actor,
        on: date | None = None,
        archive_agreement: str | None = None,
        letters: str | Path | None = None,
    ) -> Erasure:
        """Destroy a person's key, and see that it has left the database's files and the folder of ``letters``.

        Safe to do again: of a person who was erased it finishes what was left. Raises ``holder.held`` with what
        stands in the way, ``holder.not_found``, ``store.unavailable`` where the files cannot be cleaned now.
        """
        command = EraseHolder(holder_id=holder_id, reason=reason, on=on, archive_agreement=archive_agreement)
        outcome = self._executor.execute(command, actor=actor)
        removed = self.finish_erasures([command.holder_id], letters=letters)
        with self._context.database.read() as tx:
            linked = self._context.person(tx, command.holder_id).linked
        return {
            "holder_id": command.holder_id,
            "erased": True,
            "already": not outcome.events,
            "version": outcome.version,
            "events": list(outcome.events),
            "letters_removed": removed,
            "linked_to": list(linked),
        }

    def finish_erasures(self, also: Sequence[str] = (), *, letters: str | Path | None = None) -> int:
        """Take what erasures left out of the database's files and the folder of letters; how many letters.

        Does nothing to the database where no erasure is unfinished.
        """
        from permits_engine.application import mail_folder
        from permits_engine.application.queries import retention_obstacles
        from permits_engine.store.keys import erasure

        with self._context.database.read() as tx:
            waiting = erasure.pending(tx)
            of = dict.fromkeys([*waiting, *also])
            messages = [
                row[0] for each in of for row in tx.all(retention_obstacles.LETTERS, {"holder_id": each})
            ]
        removed = 0 if letters is None else mail_folder.remove(Path(letters), messages)
        if waiting:
            self._context.keyring.forget()
            erasure.scrub(self._context.database)
            with self._context.database.write() as tx:
                erasure.done(tx, waiting, self._context.now())
        if letters is not None and waiting:
            # A pass that was under way meanwhile may have written one more.
            removed += mail_folder.remove(Path(letters), messages)
        return removed

    def unfinished_erasures(self) -> list[str]:
        """Holders who were erased while the database's files still wait to be cleaned."""
        from permits_engine.store.keys import erasure

        with self._context.database.read() as tx:
            return erasure.pending(tx)

    # --- how long ---

    def retention_rules(self) -> list[RetentionRule]:
        """The classes of data with the archives' floor and the privacy law's ceiling, country by country."""
        from permits_engine.application.queries import retention

        return retention.rules_of(self._context, self._context.database)

    def retention_due(self, *, letters: str | Path | None = None) -> Plan:
        """The people and letters whose time is over today, with what stands in the way; changes nothing."""
        from permits_engine.application.queries import retention

        return retention.plan(
            self._context, self._context.database, None if letters is None else Path(letters)
        )

    def apply_retention(
        self, plan: str, *, actor: Actor, letters: str | Path | None = None
    ) -> AppliedRetention:
        """Erase the people and delete the letters of a plan that was looked at: what ``retention_due`` gave.

        Raises ``concurrency.conflict`` where that is not what is due any more; then look again. Stopped and done
        again from a new plan, it goes on.
        """
        from permits_engine.application import mail_folder

        found = self.retention_due(letters=letters)
        if plan != found.plan:
            raise error(
                "concurrency.conflict",
                f"what is due has changed since the plan {plan}: look at {found.plan} first",
                plan=found.plan,
            )
        erased = []
        for each in found.people:
            command = EraseHolder(holder_id=each.holder_id, reason=f"retention: {each.norm}")
            self._executor.execute(command, actor=actor)
            erased.append(each.holder_id)
        removed = self.finish_erasures(erased, letters=letters)
        old = [each.notice_id for each in found.letters if each.notice_id is not None]
        removed += 0 if letters is None else mail_folder.remove(Path(letters), old)
        return {"plan": plan, "erased": len(erased), "letters_removed": removed}

    def erased(self, *, since: date | None = None) -> list[data_requests.ErasedRow]:
        """Who was erased since a day: to be kept beside backups, and erased again in a store restored from one."""
        with self._context.database.read() as tx:
            found = data_requests.erased(tx)
        return [each for each in found if since is None or each["on"] >= since.isoformat()]

    def data_requests(
        self, holder_id: str | None = None, *, on: date | None = None
    ) -> list[data_requests.RequestRow]:
        """What people asked about their data: state on a day (default: today), the first due first."""
        with self._context.database.read() as tx:
            day = on or self._context.home_today(tx)
            found = data_requests.all_requests(tx)
        return [data_requests.as_row(each, day) for each in found if holder_id in (None, each.holder_id)]

    def obstacles(self, holder_id: str) -> list[ObstacleRow]:
        """What stands in the way of erasing a person today, each with its norm."""
        from permits_engine.application.queries import retention_obstacles

        with self._context.database.read() as tx:
            uow = self._context.begin(tx)
            uow.person(holder_id)
            found = retention_obstacles.assess(self._context, uow, holder_id).obstacles
        plain: list[ObstacleRow] = msgspec.to_builtins(found)
        return plain


class Keys:
    """The master keys of an open store."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def rotate(self, *, progress: Callable[[int, int], None] | None = None) -> RotatedKeys:
        """Wrap every holder's key under a new master key; no event changes. Taken up where it was stopped.

        The old master key stays in the file, so that backups of before still open, until ``drop``.
        Raises ``store.unavailable`` where the master key lies in no file.
        """
        from permits_engine.store.keys import rotation

        with self._context.database.read() as tx:
            counts = rotation.counts(tx)
        masters = self._context.keyring.master_keys()
        unfinished = any(each != masters.active for each in counts)
        if not unfinished:
            masters = masters.with_new()
            masters.save()
            self._context.keyring.use(masters)
        done = rotation.rewrap(self._context.database, masters, now=self._context.now(), progress=progress)
        return {"active": masters.active, "rewrapped": done, "kept": masters.ids[1:]}

    def drop(self, key_id: str) -> DroppedKey:
        """Take a master key that wraps nothing any more out of its file: backups of its time no longer open.

        Raises ``input.invalid`` where it is not in the file, or still needed.
        """
        from permits_engine.store.keys import rotation

        masters = self._context.keyring.master_keys()
        if key_id not in masters.ids:
            raise invalid("KEY", f"{key_id} is not in the key file: {', '.join(masters.ids)}")
        with self._context.database.read() as tx:
            needed = rotation.counts(tx).get(key_id, 0)
        if needed or key_id == masters.active:
            raise invalid("KEY", f"{key_id} is in use ({needed} holders): run permits keys rotate first")
        left = masters.without([key_id])
        left.save()
        self._context.keyring.use(left)
        return {"active": left.active, "dropped": key_id, "kept": left.ids[1:]}

    def use(self) -> list[KeyUse]:
        """The master keys by their ids, and how many holders' keys each wraps."""
        from permits_engine.store.keys import rotation

        masters = self._context.keyring.master_keys()
        with self._context.database.read() as tx:
            counts = rotation.counts(tx)
        return [
            {
                "key": each,
                "active": each == masters.active,
                "in_file": each in masters.ids,
                "wraps": counts.get(each, 0),
            }
            for each in dict.fromkeys([*masters.ids, *counts])
        ]
