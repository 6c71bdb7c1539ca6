"""Exports as somebody: who may take the whole history along, and the trace that opened data leave with each person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from permits_engine import reading, registration
from permits_engine.audit import exports
from permits_engine.audit.exports.source import holders
from permits_engine.domain.errors import ConflictError, PermitsError, error, invalid
from permits_engine.domain.events import Actor
from permits_engine.domain.rules import competence
from permits_engine.store.database.transactions import Statement, Unit
from permits_engine.store.events import history

if TYPE_CHECKING:
    from permits_engine.dossier.gathering import Dossier
    from permits_engine.engine import Engine

BATCH = 200
"""Holders whose trace is written in one transaction."""
ATTEMPTS = 5
"""How often it is tried, where others write about the same persons."""

_COUNTRIES = Statement("SELECT DISTINCT jurisdiction FROM permits ORDER BY jurisdiction")


class Takeaway:
    """The part of a reader's façade that hands the history on."""

    _engine: Engine
    _everywhere: bool
    actor: Actor
    purpose: str | None

    if TYPE_CHECKING:

        def _refusal(
            self, unit: Unit, what: str, office: str | None, jurisdiction: str | None = None
        ) -> PermitsError | None: ...

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
        with engine.database.read() as unit:
            for what in ("file", "person") if with_personal_data else ("file",):
                problem = refusal(
                    engine, unit, self.actor, what, purpose=self.purpose, everywhere=self._everywhere
                )
                if problem is not None:
                    raise problem
            until = history.head(unit).position
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
        from permits_engine.dossier.gathering import gather

        engine = self._engine
        with engine.database.read() as unit:
            s, _ = reading.situation(engine.context, unit, permit_id, None, None)
            for what in ("file", "person") if with_personal_data else ("file",):
                problem = self._refusal(unit, what, s.prefecture, s.permit.jurisdiction)
                if problem is not None:
                    raise problem
            key = engine.keyring.load(unit, s.permit.holder_id) if with_personal_data else None
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


def refusal(
    engine: Engine, unit: Unit, actor: Actor, what: str, *, purpose: str | None, everywhere: bool
) -> PermitsError | None:
    """Why a reader may not see the files (persons) of every office; none where they may in every country."""
    countries = [row[0] for row in unit.all(_COUNTRIES)] or [registration.DEFAULT_JURISDICTION]
    for code in countries:
        policy = engine.context.policies.current(unit, code)
        rules, today = policy.at(engine.context.today(policy)), engine.context.today(policy)
        problem = competence.reading_refusal(rules, today, what, actor, None, purpose)
        if problem is not None:
            return problem
        if competence.reach_of_reading(rules, today, what, actor) == "own" and not everywhere:
            return error(
                "actor.wrong_prefecture",
                f"the history holds the files of every office, and the role {actor.role} reads those of its own"
                " only; let an auditor do it",
                actor_prefecture=actor.prefecture,
                role=actor.role,
                reading=what,
            )
    return None


def note_everybody(engine: Engine, actor: Actor, purpose: str) -> int:
    """Leave the trace of a look with every holder whose data can be opened; gives how many were looked at."""
    after, count = "", 0
    while True:
        with engine.database.read() as unit:
            found = holders(unit, after, BATCH)
        if not found:
            return count
        _note(engine, actor, found, purpose)
        after, count = found[-1], count + len(found)


def _note(engine: Engine, actor: Actor, holder_ids: Sequence[str], purpose: str) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with engine.database.write() as unit:
                work = engine.context.begin(unit)
                work.expect_holders(holder_ids)
                stamp = engine.context.stamper(actor, None, _today(engine, unit, actor))
                for holder_id in holder_ids:
                    registration.note_access(work, holder_id, stamp, purpose)
                work.write()
                return
        except ConflictError:
            if attempt == ATTEMPTS:
                raise


def _today(engine: Engine, unit: Unit, actor: Actor) -> date:
    code = (actor.prefecture or registration.DEFAULT_JURISDICTION)[:2]
    return engine.context.today(engine.context.policies.current(unit, code))
