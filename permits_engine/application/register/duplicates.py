"""Look-alikes in a register: one name and birth date under several file numbers.

A name is the same in any order of its words, joined or apart, in any spelling that the search takes for it, and where
it is another name of a person; a birth date where it may be the same by what is known. They are reported and never
merged: namesakes born on one day exist. Keyed digests are compared in a temporary SQLite file, so that a large
register needs little memory and leaves no names on the disk.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from permits_engine.application.register.rows import Record
from permits_engine.domain.partial_dates import PartialDate
from permits_engine.store.keys import blind_index

_PAIRS = """SELECT DISTINCT a.holder_id, b.holder_id FROM seen a JOIN seen b
    ON a.person = b.person AND a.holder_id < b.holder_id
    AND (a.month IS NULL OR b.month IS NULL OR a.month = b.month)
    AND (a.day IS NULL OR b.day IS NULL OR a.day = b.day)"""


class LookAlikes:
    """The people of a register, with their lines and holders."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("PRAGMA journal_mode=OFF")
        self._seen.execute(
            "CREATE TABLE seen (person BLOB, month BLOB, day BLOB, line INTEGER, holder_id TEXT)"
        )

    def add(self, found: Sequence[tuple[Record, int, str]]) -> None:
        """Add records that are in the store, with their lines and holders."""
        rows = [
            (*each, line, holder_id) for record, line, holder_id in found for each in self._people(record)
        ]
        self._seen.execute("BEGIN")
        self._seen.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?)", rows)
        self._seen.execute("COMMIT")

    def groups(self) -> list[dict[str, Any]]:
        """Return the groups, each with its lines and holders in the order of the lines."""
        self._seen.execute("CREATE INDEX persons ON seen (person, holder_id)")
        self._seen.execute("CREATE INDEX holders ON seen (holder_id, line)")
        first: dict[str, str] = {}  # a holder of the same group, or the holder itself

        def root(holder_id: str) -> str:
            while first.setdefault(holder_id, holder_id) != holder_id:
                holder_id = first[holder_id]
            return holder_id

        for one, other in self._seen.execute(_PAIRS):
            first[root(other)] = root(one)
        lines = sorted((self._line(holder_id), holder_id) for holder_id in first)
        found: dict[str, dict[str, Any]] = {}
        for line, holder_id in lines:
            group = found.setdefault(root(holder_id), {"lines": [], "holder_ids": []})
            group["lines"].append(line)
            group["holder_ids"].append(holder_id)
        return list(found.values())

    def close(self) -> None:
        """Delete the temporary file."""
        self._seen.close()

    def _line(self, holder_id: str) -> int:
        [line] = self._seen.execute("SELECT min(line) FROM seen WHERE holder_id = ?", (holder_id,)).fetchone()
        return int(line)

    def _people(self, record: Record) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
        born = PartialDate.of(record.birth_date)
        month = self._digest(f"month|{born.month}") if born.month else None
        day = self._digest(f"day|{born.day}") if born.day else None
        own = {"family_name": record.family_name, "given_names": record.given_names or ""}
        said = {blind_index.glued(" ".join(name.values())) for name in (own, *(record.also_known_as or ()))}
        for name in sorted(said):
            yield self._digest(f"{name}|{born.year}"), month, day

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=16).digest()
