"""Tamper evidence of an open store: verified, signed, and proved event by event."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from permits_engine.application.context import Context
from permits_engine.audit.integrity import verification
from permits_engine.audit.integrity.findings import Report, Restored
from permits_engine.store.database.backup import Backup, restores
from permits_engine.store.database.backup import backup as make_backup
from permits_engine.store.database.transactions import Database
from permits_engine.store.events import history
from permits_engine.store.events.timestamps import iso
from permits_engine.store.log import checkpoints, proofs
from permits_engine.store.log.signed_note import Verifier
from permits_engine.store.log.signing_keys import SigningKeys, origin_of

if TYPE_CHECKING:
    from permits_engine.audit.exports.export import Export


class Evidence:
    """The part of the façade that answers to outsiders."""

    database: Database
    context: Context
    signing: SigningKeys

    @property
    def origin(self) -> str:
        """The name of the store's log, which its checkpoints begin with."""
        with self.database.read() as tx:
            return origin_of(history.head(tx).store_id)

    def verify(
        self,
        *,
        outside: Sequence[tuple[str, bytes]] = (),
        keys: Sequence[Verifier] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Report:
        """Hold the history against its seals and checkpoints, and those kept ``outside`` (name and bytes).

        ``keys`` are the public keys to believe (default: those of the signing key file). A break is a finding
        in the report; a checkpoint from outside that cannot be used is ``input.invalid`` or
        ``integrity.broken``.
        """
        report = verification.verify(
            self.database, self.signing, outside=outside, keys=keys, progress=progress
        )
        with self.database.read() as tx:
            report.restored = [
                Restored(iso(each.made_at), each.position, iso(each.recorded_at)) for each in restores(tx)
            ]
        return report

    def backup(self, target: str | Path, *, pg_dump: str = "pg_dump") -> Backup:
        """Copy the store into a new file while it is in use; on PostgreSQL by ``pg_dump``.

        A store that is restored from it says so when it is verified. The key files are not in it. Raises
        ``input.invalid``, ``store.unavailable``.
        """
        return make_backup(self.database, Path(target), now=self.context.now(), pg_dump=pg_dump)

    def checkpoint(self, *, progress: Callable[[int, int], None] | None = None) -> checkpoints.Checkpoint:
        """Seal the history as it stands, and sign its size and Merkle root.

        Raises ``integrity.broken`` where that would contradict the last checkpoint, ``store.unavailable`` and
        ``input.invalid`` without a key to sign with.
        """
        return checkpoints.take(self.database, self.signing, now=self.context.now(), progress=progress)

    def export(
        self,
        out: str | Path,
        formats: str | Sequence[str] = "parquet",
        *,
        force: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> Export:
        """Write the whole history for other tools: ``cloudevents``, ``csv``, ``parquet``, ``xes``, into a folder.

        What is sealed stays so: personal data are exported through ``as_``. One format that is one file goes
        into ``out`` itself where it bears the format's ending. Raises ``input.invalid`` where ``out`` is there
        already and ``force`` is not given.
        """
        from permits_engine.audit.exports import export as exports

        return exports.export(self.database, out, formats, force=force, progress=progress)

    def prove(self, stream: str, version: int) -> proofs.Proof:
        """The proof that a permit's (holder's, notice's) event stands in the signed history.

        Raises ``permit.not_found``, ``position.beyond_head``, ``integrity.broken`` where the event is not the
        one that was sealed.
        """
        return proofs.prove(self.database, self.signing, stream, version, now=self.context.now())
