"""``permits verify``: whether the history was changed, checked by order, sealed hashes and checkpoints, and where.

Events are read in order, some tiles at a time, each time in a short transaction: memory does not grow with the
history, and no writer waits. Every event and every pair of hashes is hashed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from permits_engine.audit.integrity.diagnosis import Diagnosis
from permits_engine.audit.integrity.findings import Finding, VerificationReport
from permits_engine.audit.integrity.ordering import HistoryEnds, OrderCheck, following, versions
from permits_engine.audit.integrity.sealed_tree import SealedTree
from permits_engine.audit.integrity.trusted_roots import from_outside, trusted_roots
from permits_engine.domain.errors import PermitsError
from permits_engine.store.database.transactions import Database, Transaction
from permits_engine.store.log import merkle
from permits_engine.store.log.leaf import Row, leaf_hashes
from permits_engine.store.log.signed_note import Verifier
from permits_engine.store.log.signing_keys import SigningKeys, origin_of
from permits_engine.store.log.tiles import ROWS, UNREADABLE, WIDTH, Tiles, seal

CHUNK = 4 * WIDTH
RANGES = 256
"""Most ranges of differences that are diagnosed separately; further ones are merged."""

Progress = Callable[[int, int], None]


def verify(
    database: Database,
    signing: SigningKeys,
    *,
    outside: Sequence[tuple[str, bytes]] = (),
    keys: Sequence[Verifier] | None = None,
    seal_after: bool = True,
    progress: Progress | None = None,
) -> VerificationReport:
    """Check the history against its seals, its checkpoints, and those kept ``outside`` (name and bytes each).

    ``keys`` are the public keys to trust (default: those of the signing key file). An intact history is sealed at the
    end, if the store is writable. Tampering becomes a finding of the report; for an outside checkpoint that cannot be
    used, raises ``input.invalid`` or ``integrity.broken``.
    """
    with database.read() as tx:
        ends, tiles = HistoryEnds.read(tx), Tiles(tx)
        sealed = min(tiles.size(), max(ends.last, tiles.most()))
    origin = origin_of(ends.head.store_id)
    trusted = signing.verifiers(origin) if keys is None else list(keys)
    given = [from_outside(data, name, origin, trusted) for name, data in outside]
    report = VerificationReport(
        events=ends.last, sealed=min(sealed, ends.last), unsealed=max(0, ends.last - sealed)
    )
    report.signatures = bool(trusted)
    roots = trusted_roots(database, origin, trusted, given, report)
    _Verification(database, SealedTree(roots, report, sealed), report, ends).run(progress)
    if seal_after and report.intact:
        report.sealed_now = _sealed_now(database, sealed)
    return report


def _sealed_now(database: Database, before: int) -> int:
    try:
        return seal(database) - before
    except PermitsError as problem:
        if problem.code != "store.unavailable":
            raise
        # Verifying must work without the right to write.
        return 0


class _Verification:
    def __init__(
        self, database: Database, tree: SealedTree, report: VerificationReport, ends: HistoryEnds
    ) -> None:
        self._database = database
        self._tree = tree
        self._report = report
        self._ends = ends
        self._order = OrderCheck(report, tree.sealed)
        self._ranges: list[tuple[int, int]] = []

    def run(self, progress: Progress | None) -> None:
        total, after = max(self._ends.last, self._tree.sealed), 0
        while after < total:
            until = min(after + CHUNK, total)
            with self._database.read() as tx:
                if not self._chunk(tx, after, until) and until >= self._tree.sealed:
                    # Skip a gap at once: it may be arbitrarily wide.
                    until = max(until, ((following(tx, until) or total) - 1) // CHUNK * CHUNK)
            after = until
            if progress is not None:
                progress(after, total)
        self._tree.finish(self._ends.last)
        self._ends.check(self._report, self._order.seen)
        with self._database.read() as tx:
            versions(tx, self._report)
        diagnosis = Diagnosis(self._database, self._tree, self._report)
        for first, last in self._ranges:
            diagnosis.between(first, last)
        for each in self._order.times:
            # An event reported already explains its neighbours' times.
            if not any(
                f.covers(each.first or 0) or f.covers((each.first or 0) - 1) for f in self._report.findings
            ):
                self._report.add(each)
        self._report.findings.sort(key=_rank)

    def _chunk(self, tx: Transaction, after: int, until: int) -> int:
        """Check some tiles; return the number of events in them."""
        last = min(until, self._ends.last)
        rows = tx.all(ROWS, {"after": after, "until": last})
        self._order.rows(rows)
        made = _made(rows, after, last)
        tiles = Tiles(tx)
        for start in range(after, until, WIDTH):
            number = start // WIDTH
            now = made[start - after : start - after + WIDTH]
            tile = tiles.tile(0, number)
            sealed = _sealed(now, tile)
            self._tree.add(tiles, number, sealed, now)
            if sealed is not now and sealed != now[: len(sealed)]:
                self._differs(start + 1, start + len(sealed))
            if len(sealed) < min(WIDTH, self._tree.sealed - start):
                message = f"sealed hashes are missing: tile {number} of level 0 is not whole"
                self._report.add(Finding("tile", message))
        return len(rows)

    def _differs(self, first: int, last: int) -> None:
        if self._ranges and (self._ranges[-1][1] == first - 1 or len(self._ranges) == RANGES):
            first = self._ranges.pop()[0]
        self._ranges.append((first, last))


def _rank(found: Finding) -> tuple[bool, int, bool]:
    """Order by position; findings that only follow from others come after these."""
    return found.first is None, found.first or 0, found.kind in {"tile", "version", "recorded_at"}


def _made(rows: Sequence[Row], after: int, last: int) -> list[bytes | None]:
    """Return the leaf hash of each position, None without exactly one readable event."""
    if [row[0] for row in rows] == list(range(after + 1, last + 1)):
        with suppress(*UNREADABLE):
            return list(leaf_hashes(rows))
    made: list[bytes | None] = [None] * (last - after)
    seen = set()
    for row in rows:
        at = row[0] - after - 1
        made[at] = None if at in seen else _hash_of(row)
        seen.add(at)
    return made


def _hash_of(row: Row) -> bytes | None:
    with suppress(*UNREADABLE):
        return leaf_hashes([row])[0]
    return None


def _sealed(now: list[bytes | None], tile: bytes) -> list[bytes]:
    """Return the tile's hashes, as the list ``now`` itself if they are the events' own."""
    if None not in now and b"".join(now) == tile:  # type: ignore[arg-type]
        return now  # type: ignore[return-value]
    size = merkle.HASH_BYTES
    whole = min(len(tile) // size, WIDTH) * size
    return [tile[at : at + size] for at in range(0, whole, size)]
