"""Exports as somebody: who may take the whole history along, and the trace that opened data leave with each person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from permits_engine.application.access import _note, note_everybody, refusal
from permits_engine.application.queries import views
from permits_engine.audit.exports import export as exports
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.domain.events import Actor
from permits_engine.store.database.transactions import Unit
from permits_engine.store.events import history

if TYPE_CHECKING:
    from permits_engine.audit.dossier.gather import Dossier
    from permits_engine.engine import Engine


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
        from permits_engine.audit.dossier.gather import gather

        engine = self._engine
        with engine.database.read() as unit:
            s, _ = views.situation(engine.context, unit, permit_id, None, None)
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
