"""The façade's part for audits: tamper evidence, exports, acts of officers, dossiers, the annual account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path

from permits_engine.application.access import Access
from permits_engine.application.context import Context
from permits_engine.audit.dossier.gather import Dossier, gather
from permits_engine.audit.exports import export as exports
from permits_engine.audit.integrity import verification
from permits_engine.audit.integrity.findings import Restored, VerificationReport
from permits_engine.audit.replay import officer_acts
from permits_engine.audit.replay.parallel import Run, Workers
from permits_engine.audit.replay.sources import StoreSource
from permits_engine.audit.report.count import annual_report
from permits_engine.audit.report.tallies import AnnualReport
from permits_engine.domain.errors import error, invalid
from permits_engine.domain.events import HolderAccessed
from permits_engine.store.database.backup import restores
from permits_engine.store.events import history
from permits_engine.store.events.timestamps import iso
from permits_engine.store.log import checkpoints, proofs
from permits_engine.store.log.signed_note import Verifier

Progress = Callable[[int, int], None]


class Audit:
    """The whole history: proved, exported, searched by actor, counted."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._database = context.database

    @property
    def origin(self) -> str:
        """The name of the store's log, which its checkpoints begin with."""
        return self._context.origin

    # --- tamper evidence ---

    def verify(
        self,
        *,
        outside: Sequence[tuple[str, bytes]] = (),
        keys: Sequence[Verifier] | None = None,
        progress: Progress | None = None,
    ) -> VerificationReport:
        """Check the history against its seals and checkpoints, and those kept ``outside`` (name and bytes).

        ``keys`` are the public keys to believe (default: those of the signing key file). A break is a finding
        in the report; a checkpoint from outside that cannot be used is ``input.invalid`` or
        ``integrity.broken``.
        """
        report = verification.verify(
            self._database, self._context.signing, outside=outside, keys=keys, progress=progress
        )
        with self._database.read() as tx:
            report.restored = [
                Restored(iso(each.made_at), each.position, iso(each.recorded_at)) for each in restores(tx)
            ]
        return report

    def checkpoint(self, *, progress: Progress | None = None) -> checkpoints.Checkpoint:
        """Seal the history up to its head, and sign its size and Merkle root.

        Raises ``integrity.broken`` where that would contradict the last checkpoint, ``store.unavailable`` and
        ``input.invalid`` without a key to sign with.
        """
        context = self._context
        return checkpoints.take(self._database, context.signing, now=context.now(), progress=progress)

    def prove(self, stream: str, version: int) -> proofs.Proof:
        """Return the proof that an event of a permit, holder or notice is part of the signed history.

        Raises ``permit.not_found``, ``position.beyond_head``, ``integrity.broken`` where the event is not the
        one that was sealed.
        """
        context = self._context
        return proofs.prove(self._database, context.signing, stream, version, now=context.now())

    def export(
        self,
        out: str | Path,
        formats: str | Sequence[str] = "parquet",
        *,
        force: bool = False,
        progress: Progress | None = None,
    ) -> exports.Export:
        """Write the whole history for other tools: ``cloudevents``, ``csv``, ``parquet``, ``xes``, into a folder.

        Encrypted fields stay encrypted: personal data are exported through ``as_``. One format that is one file
        goes into ``out`` itself where it bears the format's ending. Raises ``input.invalid`` where ``out``
        exists and ``force`` is not given.
        """
        return exports.export(self._database, out, formats, force=force, progress=progress)

    # --- who did what ---

    def acts(
        self,
        actor: str | None = None,
        *,
        first: date | None = None,
        last: date | None = None,
        recorded: bool = False,
        jurisdiction: str | None = None,
    ) -> Iterator[officer_acts.ActRow]:
        """Yield what an actor (None: every actor) did between two legal dates, in the store's order.

        With ``recorded`` the days are those of the recording, in the time zone of the jurisdiction (default: the
        home country).
        """
        wanted = officer_acts.ActFilter(actor, first, last, recorded)
        return self._acts(wanted, jurisdiction)

    def acts_counted(
        self,
        actor: str | None = None,
        *,
        first: date | None = None,
        last: date | None = None,
        recorded: bool = False,
        jurisdiction: str | None = None,
    ) -> list[officer_acts.ActCount]:
        """Return how often each actor did what, in which role and for which office."""
        wanted = officer_acts.ActFilter(actor, first, last, recorded)
        return officer_acts.counted(self._acts(wanted, jurisdiction))

    def looks(
        self,
        actor: str | None = None,
        *,
        holder_id: str | None = None,
        first: date | None = None,
        last: date | None = None,
        jurisdiction: str | None = None,
    ) -> Iterator[officer_acts.LookRow]:
        """Yield who looked at whose personal data, and when; the purpose is shown to the person (``accesses``)."""
        wanted = officer_acts.ActFilter(actor, first, last)
        return officer_acts.looks(self._acts(wanted, jurisdiction, HolderAccessed.NAME), holder_id)

    def controlled(
        self,
        actor: str | None = None,
        *,
        first: date | None = None,
        last: date | None = None,
        recorded: bool = False,
        sample: int | None = None,
        seed: int = 0,
        workers: int = 1,
        progress: Progress | None = None,
    ) -> officer_acts.Controlled:
        """Return decisions that fail a quality check; or a ``sample`` of all, the same for the same ``seed``."""
        wanted = officer_acts.ActFilter(actor, first, last, recorded)
        run = Run(Workers(workers), progress=progress)
        source = StoreSource.of(self._database)
        return officer_acts.controlled(source, wanted, run, sample=sample, seed=seed)

    def _acts(
        self, wanted: officer_acts.ActFilter, jurisdiction: str | None, names: str = ""
    ) -> Iterator[officer_acts.ActRow]:
        policies = self._context.policies
        with self._database.read() as tx:
            policy = policies.current(tx, jurisdiction) if jurisdiction else policies.home_policy(tx)
        return officer_acts.acts(self._database, wanted, policy.calendar.time_zone, names)

    # --- the annual account ---

    def account(self, *, year: int | None = None, progress: Progress | None = None) -> AnnualReport:
        """Return outcomes of applications and titles in a year, or in the whole history, and which limits were kept.

        Sums only, without names. In a simulated store today is the day of the last event.
        """
        return annual_report(self._context, year=year, progress=progress)

    def report(
        self,
        out: str | Path,
        *,
        year: int | None = None,
        language: str = "en",
        force: bool = False,
        progress: Progress | None = None,
    ) -> AnnualReport:
        """Write the annual account as one HTML page (``en``, ``fr`` or ``ar``) that needs no network and no script.

        Raises ``input.invalid`` for an unknown language, or where ``out`` exists and ``force`` is not given.
        """
        # Babel, pycountry and Jinja: a fifth of a second.
        from permits_engine.audit.report.page import write

        return write(self._context, Path(out), year=year, language=language, force=force, progress=progress)


class ReaderAudit:
    """Exports and dossiers for a reader, with personal data where they may see them."""

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
    ) -> exports.Export:
        """Write the whole history for other tools, for a reader who may see the files of every office.

        With personal data every holder gets ``holder.accessed`` with the purpose, before their data are
        decrypted, once for each export. Raises ``actor.not_competent``, ``actor.wrong_prefecture``,
        ``input.invalid``, also for an export with personal data and without a purpose.
        """
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
