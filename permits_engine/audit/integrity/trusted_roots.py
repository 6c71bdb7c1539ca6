"""Signed roots to check a history against: the kept checkpoints, and those kept elsewhere."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from permits_engine.audit.integrity.findings import Finding, VerificationReport
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.store.database.transactions import Database, Transaction
from permits_engine.store.log import checkpoints, merkle
from permits_engine.store.log.checkpoints import Checkpoint, Stored
from permits_engine.store.log.signed_note import NoteError, Verifier
from permits_engine.store.log.tiles import Tiles


class TrustedRoot(NamedTuple):
    """The Merkle root that a history of this size must have."""

    size: int
    outside: bool
    root: bytes


class TrustedRoots:
    """Every checkpoint of this origin, signed by one of the keys if there are any."""

    def __init__(
        self, database: Database, origin: str, keys: Sequence[Verifier], outside: Sequence[Checkpoint]
    ) -> None:
        self._database = database
        self._origin = origin
        self._keys = keys
        self._outside = sorted(TrustedRoot(each.size, True, each.root) for each in outside)

    def by_size(self, report: VerificationReport) -> Iterator[TrustedRoot]:
        """Yield all roots, smallest first; kept checkpoints that do not count become findings."""
        return heapq.merge(self._kept(report), self._outside)

    def vouching(self, tiles: Tiles, height: int, index: int, node: bytes) -> TrustedRoot | None:
        """Return a root that proves a subtree's hash by an inclusion proof from the tiles."""
        end = (index + 1) << height
        for trusted in self._over(tiles.tx, end):
            try:
                proof = merkle.inclusion_proof(index, trusted.size, tiles.node, height)
            except PermitsError:
                continue
            if merkle.root_of_inclusion(node, index, trusted.size, proof, height) == trusted.root:
                return trusted
        return None

    def _over(self, tx: Transaction, least: int) -> Iterator[TrustedRoot]:
        yield from (trusted for trusted in self._outside if trusted.size >= least)
        seen = set()
        for row in checkpoints.newest(tx, least, limit=2) + checkpoints.nearest(tx, least, limit=2):
            if row not in seen:
                seen.add(row)
                try:
                    yield self._read(row)
                except NoteError:
                    continue

    def _kept(self, report: VerificationReport) -> Iterator[TrustedRoot]:
        for row in checkpoints.stored(self._database):
            report.checkpoints += 1
            try:
                trusted = self._read(row)
            except NoteError as problem:
                message = f"the kept checkpoint of {row.size} events does not count: {problem}"
                report.add(Finding("checkpoint", message))
                continue
            yield trusted

    def _read(self, row: Stored) -> TrustedRoot:
        found = Checkpoint.parse(row.note)
        if found.size != row.size:
            raise NoteError(f"its note is of {found.size} events")
        if found.origin != self._origin:
            raise NoteError(f"it is of {found.origin}")
        if self._keys:
            found.signed_by(self._keys)
        return TrustedRoot(found.size, False, found.root)


def from_outside(data: bytes, name: str, origin: str, keys: Sequence[Verifier]) -> Checkpoint:
    """Parse the checkpoint ``name`` that was kept elsewhere; without keys its signature is not checked.

    Raises ``input.invalid`` if it is not a checkpoint of this store, ``integrity.broken`` if no key signed it.
    """
    try:
        found = Checkpoint.parse(data)
    except NoteError as problem:
        raise invalid(name, f"is not a checkpoint: {problem}") from None
    if found.origin != origin:
        raise invalid(name, f"is a checkpoint of {found.origin}, and this store is {origin}")
    if keys:
        try:
            found.signed_by(keys)
        except NoteError as problem:
            raise error(
                "integrity.broken", f"the checkpoint {name} is not to be believed: {problem}", path=name
            ) from None
    return found
