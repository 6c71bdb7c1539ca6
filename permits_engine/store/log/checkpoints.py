"""Checkpoints (C2SP ``tlog-checkpoint``): signed statements of the history's size and Merkle root."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Self

from permits_engine.domain.errors import PermitsError, error
from permits_engine.store.database.statements import Row
from permits_engine.store.database.transactions import Database, Statement, Transaction
from permits_engine.store.events import history
from permits_engine.store.log import merkle
from permits_engine.store.log.signed_note import Note, NoteError, Verifier, decoded
from permits_engine.store.log.signing_keys import SigningKeys, origin_of
from permits_engine.store.log.tiles import Tiles, seal

_INSERT = Statement(
    "INSERT INTO checkpoints (size, key_id, note, made_at) VALUES (:size, :key_id, :note, :made_at)"
    " ON CONFLICT (size, key_id) DO NOTHING"
)
# Read as bytes, so that a damaged text does not stop the query.
_FROM = {
    "sqlite": "SELECT size, CAST(note AS BLOB) FROM checkpoints",
    "postgresql": "SELECT size, convert_to(note, 'UTF8') FROM checkpoints",
}


def _rows(order: str) -> Statement:
    rest = f"WHERE size >= :least ORDER BY {order} LIMIT :limit"
    return Statement({name: f"{start} {rest}" for name, start in _FROM.items()})


_ASCENDING = _rows("size, key_id")
_DESCENDING = _rows("size DESC, key_id")
_PAGE = 256
_MOST = 2**63 - 1


class Checkpoint(NamedTuple):
    """The statement of a checkpoint, and the signed note that contains it."""

    origin: str
    size: int
    root: bytes
    note: str

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parse a note without checking its signature; raises ``NoteError``."""
        note = Note.parse(data)
        lines = note.text.removesuffix("\n").split("\n")
        if len(lines) < 3 or not all(lines):
            raise NoteError("a checkpoint states an origin, a size and a root, a line each")
        if not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]) or int(lines[1]) > _MOST:
            raise NoteError("the size of a checkpoint is a whole number without leading zeros")
        root = decoded(lines[2])
        if len(root) != merkle.HASH_BYTES:
            raise NoteError(f"the root of a checkpoint has {merkle.HASH_BYTES} bytes")
        return cls(lines[0], int(lines[1]), root, data.decode())

    def signed_by(self, keys: Sequence[Verifier]) -> Verifier:
        """Return the key of its origin that signed it; raises ``NoteError``."""
        own = [key for key in keys if key.name == self.origin]
        if not own:
            names = ", ".join(sorted({key.name for key in keys}))
            raise NoteError(f"it is of {self.origin}, the key is of {names or 'no origin'}")
        return Note.parse(self.note.encode()).opened(own)


def body(origin: str, size: int, root: bytes) -> str:
    """Return the text of a checkpoint, to be signed."""
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def take(
    database: Database,
    signing: SigningKeys,
    *,
    now: int,
    progress: Callable[[int, int], None] | None = None,
) -> Checkpoint:
    """Seal all events, then sign and keep the size and Merkle root of the history.

    ``now`` is in microseconds since the epoch. Raises ``integrity.broken`` if the history contradicts the last
    checkpoint, ``store.unavailable``, and ``input.invalid`` without a signing key.
    """
    with database.read() as tx:
        origin = origin_of(history.head(tx).store_id)
    signer = signing.signer(origin)
    seal(database, progress=progress)
    with database.read() as tx:
        tiles = Tiles(tx)
        size = tiles.size()
        root = tiles.root(size)
        for last in newest(tx, 0, limit=1):
            _grown(tiles, last, size, root)
    made = Checkpoint(origin, size, root, signer.sign(body(origin, size, root)))
    kept = {"size": size, "key_id": signer.verifier.key_id.hex(), "note": made.note, "made_at": now}
    with database.write() as tx:
        tx.run(_INSERT, kept)
    return made


def _grown(tiles: Tiles, last: Stored, size: int, root: bytes) -> None:
    try:
        old = Checkpoint.parse(last.note)
    except NoteError as problem:
        raise _contradicted(last.size, f"cannot be read: {problem}") from None
    if old.size > size:
        raise _contradicted(old.size, f"states more events than the {size} there are")
    proof = merkle.consistency_proof(old.size, size, tiles.node)
    if not merkle.is_consistent(old.size, size, old.root, root, proof):
        raise _contradicted(old.size, f"is not met by the {size} events there are")


def _contradicted(size: int, reason: str) -> PermitsError:
    message = f"the last checkpoint, of {size} events, {reason}; run: permits verify"
    return error("integrity.broken", message, checkpoint=size)


class Stored(NamedTuple):
    """A row of the table of checkpoints, unverified."""

    size: int
    note: bytes


def stored(database: Database) -> Iterator[Stored]:
    """Yield every kept checkpoint by size, a few at a time in memory."""
    with database.read() as tx:
        yield from map(_stored, tx.stream(_ASCENDING, {"least": -1, "limit": _MOST}, _PAGE))


def newest(tx: Transaction, least: int, *, limit: int = 1) -> list[Stored]:
    """Return the largest kept checkpoints of at least ``least`` events."""
    return [_stored(row) for row in tx.all(_DESCENDING, {"least": least, "limit": limit})]


def nearest(tx: Transaction, least: int, *, limit: int = 1) -> list[Stored]:
    """Return the smallest kept checkpoints of at least ``least`` events."""
    return [_stored(row) for row in tx.all(_ASCENDING, {"least": least, "limit": limit})]


def _stored(row: Row) -> Stored:
    return Stored(row[0], bytes(row[1] or b""))
