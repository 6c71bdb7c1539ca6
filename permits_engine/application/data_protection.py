"""The façade's parts for personal data and their keys: erasures, retention, requests, master keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TypedDict

import msgspec

from permits_engine.application import mail_folder
from permits_engine.application.context import Context
from permits_engine.application.executor import Executor
from permits_engine.application.queries import data_requests, retention, retention_obstacles
from permits_engine.application.queries.disclosure import RetentionRule
from permits_engine.application.queries.retention_obstacles import ObstacleRow
from permits_engine.commands import EraseHolder
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import Actor
from permits_engine.store.keys import erasure, rotation


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
    """The questions and tasks of a data-protection officer."""

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
        """Destroy a person's key, and remove its bytes from the database's files and the folder of ``letters``.

        For a person who was erased before it finishes what was interrupted. Raises ``holder.held`` with the
        obstacles, ``holder.not_found``, ``store.unavailable`` where the files cannot be cleaned now.
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
        """Remove what erasures left in the database's files and the folder of letters; return how many letters.

        Leaves the database alone where no erasure is unfinished.
        """
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
            # A pass that ran meanwhile may have written one more.
            removed += mail_folder.remove(Path(letters), messages)
        return removed

    def unfinished_erasures(self) -> list[str]:
        """Return the erased holders for whom the database's files are not cleaned yet."""
        with self._context.database.read() as tx:
            return erasure.pending(tx)

    # --- how long ---

    def retention_rules(self) -> list[RetentionRule]:
        """Return how long each class of data is kept, country by country."""
        return retention.rules_of(self._context)

    def retention_due(self, *, letters: str | Path | None = None) -> retention.RetentionPlan:
        """Return the people and letters whose retention has ended today, with the obstacles; change nothing."""
        return retention.plan(self._context, None if letters is None else Path(letters))

    def apply_retention(
        self, plan: str, *, actor: Actor, letters: str | Path | None = None
    ) -> AppliedRetention:
        """Erase the people and delete the letters of a plan that ``retention_due`` gave.

        Raises ``concurrency.conflict`` where something else is due by now. After an interruption, continue with
        a new plan.
        """
        found = self.retention_due(letters=letters)
        if plan != found.plan:
            message = f"what is due has changed since the plan {plan}: look at {found.plan} first"
            raise error("concurrency.conflict", message, plan=found.plan)
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
        """Return the holders erased since a day: to keep beside backups, and to erase again after a restore."""
        with self._context.database.read() as tx:
            found = data_requests.erased(tx)
        return [each for each in found if since is None or each["on"] >= since.isoformat()]

    def data_requests(
        self, holder_id: str | None = None, *, on: date | None = None
    ) -> list[data_requests.RequestRow]:
        """Return the requests about personal data with their state on a day (default: today), the first due first."""
        with self._context.database.read() as tx:
            day = on or self._context.home_today(tx)
            found = data_requests.all_requests(tx)
        return [data_requests.as_row(each, day) for each in found if holder_id in (None, each.holder_id)]

    def obstacles(self, holder_id: str) -> list[ObstacleRow]:
        """Return what prevents erasing a person today, each with its norm."""
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
        """Wrap every holder's key under a new master key, or continue an interrupted rotation; no event changes.

        The old master key stays in the file until ``drop``, so that earlier backups can be read. Raises
        ``store.unavailable`` where the master key is in no file.
        """
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
        """Remove an unused master key from its file: backups of its time can no longer be read.

        Raises ``input.invalid`` where it is not in the file, or still used.
        """
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
        """Return the master keys by their ids, and how many holders' keys each wraps."""
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
