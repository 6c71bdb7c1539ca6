"""Signed roots to check a history against: the kept checkpoints, and those kept elsewhere."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from permits_engine.audit.integrity.findings import Finding, VerificationReport
from permits_engine.domain.errors import error, invalid
from permits_engine.store.database.transactions import Database
from permits_engine.store.log import checkpoints
from permits_engine.store.log.checkpoints import Checkpoint
from permits_engine.store.log.signed_note import NoteError, Verifier


class TrustedRoot(NamedTuple):
    """The Merkle root that a history of this size must have."""

    size: int
    outside: bool
    root: bytes


def trusted_roots(
    database: Database,
    origin: str,
    keys: Sequence[Verifier],
    outside: Sequence[Checkpoint],
    report: VerificationReport,
) -> Iterator[TrustedRoot]:
    """Yield the root of every checkpoint, smallest first; kept checkpoints that do not count become findings.

    They count if they are of this origin, and signed by one of the keys if there are any.
    """
    given = sorted(TrustedRoot(each.size, True, each.root) for each in outside)
    return heapq.merge(_kept(database, origin, keys, report), given)


def _kept(
    database: Database, origin: str, keys: Sequence[Verifier], report: VerificationReport
) -> Iterator[TrustedRoot]:
    for row in checkpoints.stored(database):
        report.checkpoints += 1
        try:
            found = Checkpoint.parse(row.note)
            if found.size != row.size:
                raise NoteError(f"its note is of {found.size} events")
            if found.origin != origin:
                raise NoteError(f"it is of {found.origin}")
            if keys:
                found.signed_by(keys)
        except NoteError as problem:
            message = f"the kept checkpoint of {row.size} events does not count: {problem}"
            report.add(Finding("checkpoint", message))
        else:
            yield TrustedRoot(found.size, False, found.root)


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
            message = f"the checkpoint {name} is not to be believed: {problem}"
            raise error("integrity.broken", message, path=name) from None
    return found
