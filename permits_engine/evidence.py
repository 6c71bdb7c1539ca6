"""Tamper evidence of an open store: verified, signed, and proved event by event."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from permits_engine.audit import checkpoints, proofs, verification
from permits_engine.audit.findings import Report
from permits_engine.audit.notes import Verifier
from permits_engine.audit.signing import SigningKeys, origin_of
from permits_engine.execution import Executor
from permits_engine.store import history
from permits_engine.store.database import Database


class Evidence:
    """The part of the façade that answers to outsiders."""

    database: Database
    executor: Executor
    signing: SigningKeys

    @property
    def origin(self) -> str:
        """The name of the store's log, which its checkpoints begin with."""
        with self.database.read() as unit:
            return origin_of(history.head(unit).store_id)

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
        return verification.verify(self.database, self.signing, outside=outside, keys=keys, progress=progress)

    def checkpoint(self, *, progress: Callable[[int, int], None] | None = None) -> checkpoints.Checkpoint:
        """Seal the history as it stands, and sign its size and Merkle root.

        Raises ``integrity.broken`` where that would contradict the last checkpoint, ``store.unavailable`` and
        ``input.invalid`` without a key to sign with.
        """
        return checkpoints.take(self.database, self.signing, now=self.executor.now(), progress=progress)

    def prove(self, stream: str, version: int) -> proofs.Proof:
        """The proof that a permit's (holder's, notice's) event stands in the signed history.

        Raises ``permit.not_found``, ``position.beyond_head``, ``integrity.broken`` where the event is not the
        one that was sealed.
        """
        return proofs.prove(self.database, self.signing, stream, version, now=self.executor.now())
