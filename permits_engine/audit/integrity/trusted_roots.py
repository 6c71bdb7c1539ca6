"""Signed roots to hold a history against: the kept checkpoints, and those brought from outside."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from permits_engine.audit.integrity.findings import Finding, Report
from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.store.database.transactions import Database, Transaction
from permits_engine.store.log import checkpoints, merkle
from permits_engine.store.log.checkpoints import Checkpoint, Stored
from permits_engine.store.log.signed_note import NoteError, Verifier
from permits_engine.store.log.tiles import Tiles


class Mark(NamedTuple):
    """The root that a history of this size must have."""

    size: int
    outside: bool
    root: bytes


class Marks:
    """Every checkpoint that counts: of this origin, and signed by one of the keys where there are any."""

    def __init__(
        self,
        database: Database,
        origin: str,
        keys: Sequence[Verifier],
        outside: Sequence[Checkpoint],
    ) -> None:
        self._database = database
        self._origin = origin
        self._keys = keys
        self._outside = sorted(Mark(each.size, True, each.root) for each in outside)

    def by_size(self, report: Report) -> Iterator[Mark]:
        """All of them, smallest first; the kept ones that do not count become findings."""
        return heapq.merge(self._kept(report), self._outside)

    def vouching(self, tiles: Tiles, height: int, index: int, node: bytes) -> Mark | None:
        """A checkpoint that proves a subtree's hash, by way of the tiles as they are."""
        end = (index + 1) << height
        for mark in self._over(tiles.tx, end):
            try:
                proof = merkle.inclusion_proof(index, mark.size, tiles.node, height)
            except PermitsError:
                continue
            if merkle.root_of_inclusion(node, index, mark.size, proof, height) == mark.root:
                return mark
        return None

    def _over(self, tx: Transaction, least: int) -> Iterator[Mark]:
        yield from (mark for mark in self._outside if mark.size >= least)
        seen = set()
        for row in checkpoints.newest(tx, least, limit=2) + checkpoints.nearest(tx, least, limit=2):
            if row not in seen:
                seen.add(row)
                try:
                    yield self._read(row)
                except NoteError:
                    continue

    def _kept(self, report: Report) -> Iterator[Mark]:
        for row in checkpoints.stored(self._database):
            report.checkpoints += 1
            try:
                mark = self._read(row)
            except NoteError as problem:
                message = f"the kept checkpoint of {row.size} events does not count: {problem}"
                report.add(Finding("checkpoint", message))
                continue
            yield mark

    def _read(self, row: Stored) -> Mark:
        found = Checkpoint.parse(row.note)
        if found.size != row.size:
            raise NoteError(f"its note is of {found.size} events")
        if found.origin != self._origin:
            raise NoteError(f"it is of {found.origin}")
        if self._keys:
            found.signed_by(self._keys)
        return Mark(found.size, False, found.root)


def from_outside(data: bytes, name: str, origin: str, keys: Sequence[Verifier]) -> Checkpoint:
    """A checkpoint that was kept elsewhere; ``name`` says which.

    Raises ``input.invalid`` where it is none, or of another store; ``integrity.broken`` where its signature
    is not that of one of the keys. Without keys it is taken as it is.
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
