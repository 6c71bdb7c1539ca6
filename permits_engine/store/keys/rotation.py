"""Rotation of the master key: every holder's key is wrapped again under a new one, and no event changes.

The new key is first put into the key file, where every process finds it. Then rows are wrapped again, in batches that
each commit, so that an interrupted rotation continues. Last the old key is retired: from then on no row can be added
under it, even by a process that has not read the new file yet.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from permits_engine.store.database.statements import Statement, Transaction
from permits_engine.store.database.transactions import Database
from permits_engine.store.keys.master_keys import MasterKeys

BATCH = 500

_COUNTS = Statement("SELECT key_id, count(*) FROM holder_keys GROUP BY key_id ORDER BY key_id")
_OTHERS = Statement(
    "SELECT holder_id, wrapped, key_id FROM holder_keys WHERE key_id <> :active AND holder_id > :after"
    " ORDER BY holder_id LIMIT :size"
)
_WRAP = Statement(
    "UPDATE holder_keys SET wrapped = :wrapped, key_id = :key_id"
    " WHERE holder_id = :holder_id AND key_id = :before"
)
_RETIRE = Statement(
    "INSERT INTO retired_keys (key_id, retired_at) VALUES (:key_id, :now) ON CONFLICT (key_id) DO NOTHING"
)
_NO_WRITERS = Statement("LOCK TABLE holder_keys IN SHARE ROW EXCLUSIVE MODE")


def counts(tx: Transaction) -> dict[str, int]:
    """Return how many holders' keys each master key wraps."""
    return {row[0]: int(row[1]) for row in tx.all(_COUNTS)}


def rewrap(
    database: Database, keys: MasterKeys, *, now: int, progress: Callable[[int, int], None] | None
) -> int:
    """Wrap every row under the active key, retire the others, and return how many rows were wrapped."""
    with database.read() as tx:
        total = sum(number for key_id, number in counts(tx).items() if key_id != keys.active)
    done = 0
    for rows in database.pages(_OTHERS, {"active": keys.active}, size=BATCH):
        with database.write() as tx:
            done += _wrapped(tx, keys, rows)
        if progress is not None:
            progress(min(done, total), total)
    with database.write() as tx:
        if tx.dialect == "postgresql":
            tx.run(_NO_WRITERS)  # rows that are being added are there once it is granted
        tx.many(_RETIRE, [{"key_id": each, "now": now} for each in keys.ids if each != keys.active])
        rest = tx.all(_OTHERS, {"active": keys.active, "after": "", "size": 2**31 - 1})
        done += _wrapped(tx, keys, rest)
    return done


def _wrapped(tx: Transaction, keys: MasterKeys, rows: list[Any]) -> int:
    fresh = []
    for holder_id, wrapped, before in rows:
        key_id, again = keys.wrap(keys.unwrap(bytes(wrapped), before, holder_id), holder_id)
        fresh.append({"holder_id": holder_id, "wrapped": again, "key_id": key_id, "before": before})
    return tx.each(_WRAP, fresh) if fresh else 0
