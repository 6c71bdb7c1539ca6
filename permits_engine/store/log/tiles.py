"""The sealed history: the hashes of its leaves, kept apart from the events in tiles of 256.

The layout is that of C2SP ``tlog-tiles``: level 0 has the leaves, each level above the roots of the whole tiles below
it; the last tile of a level may be partial. Events are sealed after their commit.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from permits_engine.domain.errors import PermitsError, error
from permits_engine.store.database.transactions import Database, Statement, Transaction
from permits_engine.store.events import history
from permits_engine.store.log import merkle
from permits_engine.store.log.leaf import Row, leaf_hashes

HEIGHT = 8
WIDTH = 1 << HEIGHT
"""Hashes in a whole tile."""
BATCH = 32 * WIDTH
"""Events sealed in one transaction."""
UNREADABLE = (OverflowError, TypeError, struct.error)
"""What making a leaf raises for a row that no event can be."""

_KEPT = 64

ROWS = Statement(
    {
        # As bytes, so that a damaged text does not stop the reading; and a leaf needs bytes.
        "sqlite": """SELECT position, CAST(stream AS BLOB), version, CAST(name AS BLOB), recorded_at,
                CAST(payload AS BLOB)
            FROM events WHERE position > :after AND position <= :until ORDER BY position""",
        "postgresql": """SELECT position, convert_to(stream, 'UTF8'), version, convert_to(name, 'UTF8'),
                recorded_at, payload
            FROM events WHERE position > :after AND position <= :until ORDER BY position""",
    }
)
_TILE = Statement("SELECT hashes FROM tiles WHERE level = :level AND number = :number")
_COUNT = Statement("SELECT count(*) FROM tiles WHERE level = 0")
_LAST = Statement("SELECT number, length(hashes) FROM tiles WHERE level = 0 ORDER BY number DESC LIMIT 1")
_INSERT = Statement(
    "INSERT INTO tiles (level, number, hashes) VALUES (:level, :number, :hashes)"
    " ON CONFLICT (level, number) DO NOTHING"
)
_GROW = Statement(
    "UPDATE tiles SET hashes = :hashes WHERE level = :level AND number = :number AND length(hashes) = :seen"
)


class Tiles:
    """The tiles as one transaction sees them, read on demand; the last few stay in memory."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self._tiles: dict[tuple[int, int], bytes] = {}

    def size(self) -> int:
        """Return how many leaves are sealed."""
        row = self.tx.one(_LAST)
        return 0 if row is None else row[0] * WIDTH + row[1] // merkle.HASH_BYTES

    def most(self) -> int:
        """Return how many leaves the tiles have room for: fewer than ``size`` if a tile number is too large."""
        row = self.tx.one(_COUNT)
        return row[0] * WIDTH if row else 0

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile one after another; empty if there is no such tile."""
        found = self._tiles.get((level, number))
        if found is None:
            row = self.tx.one(_TILE, {"level": level, "number": number})
            found = b"" if row is None else bytes(row[0])
            if len(self._tiles) >= _KEPT:
                self._tiles.pop(next(iter(self._tiles)))
            self._tiles[level, number] = found
        return found

    def node(self, height: int, index: int) -> bytes:
        """Return a perfect subtree's hash; raise ``integrity.broken`` if its tile does not have it."""
        level, rest = divmod(height, HEIGHT)
        number, start = divmod(index << rest, WIDTH)
        tile = self.tile(level, number)
        size = merkle.HASH_BYTES
        hashes = [tile[at * size : (at + 1) * size] for at in range(start, start + (1 << rest))]
        if len(hashes[-1]) != size:
            message = f"sealed hashes are missing: tile {number} of level {level} is not whole"
            raise error("integrity.broken", f"{message}; run: permits verify", level=level, number=number)
        return merkle.fold(hashes)

    def root(self, size: int) -> bytes:
        """Return the Merkle root of the first ``size`` events."""
        return merkle.root(size, self.node)


class _Growth(NamedTuple):
    level: int
    number: int
    seen: int
    hashes: bytes


def seal(database: Database, *, progress: Callable[[int, int], None] | None = None) -> int:
    """Add the leaves of all events that are not sealed yet; return how many events are sealed then.

    Several processes may seal at once. Raises ``integrity.broken`` if the history has a gap or is shorter than what
    was sealed.
    """
    with database.read() as tx:
        target, size = history.head(tx).position, Tiles(tx).size()
    if size > target:
        message = f"{size} events are sealed, but the history ends at {target}; run: permits verify"
        raise error("integrity.broken", message, sealed=size, events=target)
    while size < target:
        with database.read() as tx:
            tiles = Tiles(tx)
            size = tiles.size()
            until = min(size + BATCH, target)
            rows = tx.all(ROWS, {"after": size, "until": until})
            growths = list(_growths(tiles, size, _leaves(rows, size, until))) if size < until else []
        if growths and _stored(database, size, growths):
            size = until
        if progress is not None:
            progress(min(until, target), target)
    return size


def _leaves(rows: Sequence[Row], after: int, until: int) -> list[bytes]:
    try:
        if [row[0] for row in rows] == list(range(after + 1, until + 1)):
            return leaf_hashes(rows)
    except UNREADABLE:
        pass
    message = f"events {after + 1} to {until} are not whole and cannot be sealed; run: permits verify"
    raise error("integrity.broken", message, first=after + 1, last=until)


def _growths(tiles: Tiles, size: int, added: list[bytes]) -> Iterator[_Growth]:
    """Yield the tiles that change when hashes are added after ``size``; the first of them shows a conflict."""
    level = 0
    while added:
        number, width = divmod(size, WIDTH)
        old = tiles.tile(level, number) if width else b""
        if len(old) != width * merkle.HASH_BYTES:
            raise _torn(level, number)
        hashes = [old[at : at + merkle.HASH_BYTES] for at in range(0, len(old), merkle.HASH_BYTES)] + added
        whole = []
        for start in range(0, len(hashes), WIDTH):
            part = hashes[start : start + WIDTH]
            yield _Growth(level, number + start // WIDTH, 0 if start else len(old), b"".join(part))
            if len(part) == WIDTH:
                whole.append(merkle.fold(part))
        added, size, level = whole, size // WIDTH, level + 1


def _stored(database: Database, size: int, growths: list[_Growth]) -> bool:
    """Write the tiles, unless another process sealed the same events meanwhile."""
    with database.write() as tx:
        if Tiles(tx).size() != size:
            return False
        for at, growth in enumerate(growths):
            if tx.run(_GROW if growth.seen else _INSERT, growth._asdict()) != 1:
                if at == 0:
                    return False
                raise _torn(growth.level, growth.number)
    return True


def _torn(level: int, number: int) -> PermitsError:
    message = f"tile {number} of level {level} does not fit those below it"
    return error("integrity.broken", f"{message}; run: permits verify", level=level, number=number)
