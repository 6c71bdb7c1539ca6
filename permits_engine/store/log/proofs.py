"""Inclusion proofs (C2SP ``tlog-proof``): that one event is part of the signed history.

The ``extra`` line holds the leaf: every stored field of the event, with personal fields still encrypted. A proof is
checked offline, with the public key alone.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.store.database.transactions import Database, Transaction
from permits_engine.store.events import history
from permits_engine.store.events.recorder import TransactionRecorder
from permits_engine.store.events.timestamps import moment
from permits_engine.store.log import checkpoints, merkle
from permits_engine.store.log.checkpoints import Checkpoint
from permits_engine.store.log.leaf import leaf_bytes, leaf_fields, leaf_hash
from permits_engine.store.log.signed_note import NoteError, Verifier, decoded
from permits_engine.store.log.signing_keys import SigningKeys, origin_of
from permits_engine.store.log.tiles import Tiles

HEADER = "c2sp.org/tlog-proof@v1"
MOST_BYTES = 32 << 20
"""Limit for one proof; the longest events, policy texts, have some ten thousand bytes."""

_MOST_HASHES = 64


@dataclass(frozen=True, slots=True)
class Proof:
    """A parsed proof, unverified until ``check``."""

    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    def __str__(self) -> str:
        extra = base64.b64encode(self.leaf).decode()
        hashes = "".join(f"{base64.b64encode(each).decode()}\n" for each in self.path)
        return f"{HEADER}\nextra {extra}\nindex {self.index}\n{hashes}\n{self.checkpoint.note}"

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Parse a proof; raises ``NoteError``."""
        if len(data) > MOST_BYTES:
            raise NoteError(f"it is longer than {MOST_BYTES} bytes")
        head, separator, note = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise NoteError("it is not a proof of this kind") from None
        if lines[0] != HEADER or not separator:
            raise NoteError(f"it does not begin with {HEADER}, or has no checkpoint")
        if len(lines) < 3 or not lines[1].startswith("extra "):
            raise NoteError("its second line is not the event: extra, a space, base64")
        index = re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines[2])
        if index is None:
            raise NoteError("its third line is not the place: index, a space, a number")
        path = tuple(decoded(line) for line in lines[3:])
        if len(path) > _MOST_HASHES or any(len(each) != merkle.HASH_BYTES for each in path):
            raise NoteError("its hashes are not those of a path to a root")
        return cls(decoded(lines[1].removeprefix("extra ")), int(index[1]), path, Checkpoint.parse(note))

    def check(self, keys: Sequence[Verifier]) -> history.Record:
        """Return the proved event if one of the keys signed the history; raises ``integrity.broken``."""
        try:
            self.checkpoint.signed_by(keys)
            leaf = leaf_fields(self.leaf)
        except ValueError as problem:
            raise _unproven(f"{problem}") from None
        if leaf.position != self.index + 1:
            raise _unproven(f"its event is number {leaf.position}, its place {self.index + 1}")
        size, root = self.checkpoint.size, self.checkpoint.root
        if merkle.root_of_inclusion(leaf_hash(self.leaf), self.index, size, self.path) != root:
            raise _unproven("the event is not under the signed root: one of them was changed")
        return leaf


def read(data: bytes, name: str) -> Proof:
    """Parse the bytes of the file ``name``; raises ``input.invalid``."""
    try:
        return Proof.parse(data)
    except NoteError as problem:
        raise invalid(name, f"is not a proof: {problem}") from None


def prove(
    database: Database,
    signing: SigningKeys,
    stream: str,
    version: int,
    *,
    now: int,
) -> Proof:
    """Prove one event under the latest checkpoint, and make a checkpoint if none covers the event.

    Raises ``permit.not_found``, ``position.beyond_head``, ``integrity.broken`` if the event is not the one
    that was sealed, and the errors of ``checkpoints.take``.
    """
    with database.read() as tx:
        record = _record(tx, stream, version)
        origin = origin_of(history.head(tx).store_id)
        keys = signing.verifiers(origin)
        found = _latest(tx, record.position, keys)
    if found is None:
        found = checkpoints.take(database, signing, now=now)
        keys = keys or signing.verifiers(origin)
    with database.read() as tx:
        path = merkle.inclusion_proof(record.position - 1, found.size, Tiles(tx).node)
    proof = Proof(leaf_bytes(*record), record.position - 1, tuple(path), found)
    try:
        proof.check(keys)
    except PermitsError as problem:
        message = f"event {record.position} cannot be proved: {problem.message}; run: permits verify"
        raise error("integrity.broken", message, position=record.position) from None
    return proof


def _record(tx: Transaction, stream: str, version: int) -> history.StoredRecord:
    if version < 1:
        raise invalid("version", "is less than 1")
    recorder = TransactionRecorder(tx)
    for record in recorder.select_events(stream, gt=version - 1, lte=version):
        return record
    last = recorder.select_events(stream, desc=True, limit=1)
    if not last:
        raise error("permit.not_found", f"there is no permit, holder or notice {stream}", permit_id=stream)
    message = f"{stream} has no version {version}: its last is {last[0].version}"
    raise error("position.beyond_head", message, version=last[0].version)


def _latest(tx: Transaction, position: int, keys: Sequence[Verifier]) -> Checkpoint | None:
    for row in checkpoints.newest(tx, position, limit=2):
        try:
            found = Checkpoint.parse(row.note)
            found.signed_by(keys)
        except NoteError:
            continue
        return found
    return None


def to_dict(leaf: history.Record, proof: Proof) -> dict[str, Any]:
    """Return a checked proof as plain values, with the payload as stored."""
    try:
        payload = msgspec.json.decode(leaf.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        payload = base64.b64encode(leaf.payload).decode()
    return {
        "position": leaf.position,
        "stream": leaf.stream,
        "version": leaf.version,
        "name": leaf.name,
        "recorded_at": _instant(leaf.recorded_at),
        "payload": payload,
        "origin": proof.checkpoint.origin,
        "size": proof.checkpoint.size,
        "root": base64.b64encode(proof.checkpoint.root).decode(),
    }


def _instant(value: int) -> str:
    try:
        return moment(value).isoformat(timespec="microseconds").replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return f"{value} microseconds after 1970-01-01T00:00:00Z"


def _unproven(reason: str) -> PermitsError:
    return error("integrity.broken", f"the proof does not hold: {reason}")
