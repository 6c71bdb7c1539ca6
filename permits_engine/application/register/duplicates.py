"""Look-alikes in a register: one name and birth date under several file numbers.

They are reported and never merged: namesakes born on one day exist. Keyed digests are compared in a temporary SQLite
file, so that a large register needs little memory and leaves no names on the disk.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Sequence
from typing import Any

from permits_engine.application.register.rows import Record
from permits_engine.application.register.text import word


class LookAlikes:
    """The people of a register, with their lines and holders."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("PRAGMA journal_mode=OFF")
        self._seen.execute("CREATE TABLE seen (person BLOB, line INTEGER, holder_id TEXT)")

    def add(self, found: Sequence[tuple[Record, int, str]]) -> None:
        """Add records that are in the store, with their lines and holders."""
        rows = [(self._person(record), line, holder_id) for record, line, holder_id in found]
        self._seen.execute("BEGIN")
        self._seen.executemany("INSERT INTO seen VALUES (?, ?, ?)", rows)
        self._seen.execute("COMMIT")

    def groups(self) -> list[dict[str, Any]]:
        """Return the groups, each with its lines and holders in the order of the lines."""
        self._seen.execute("CREATE INDEX persons ON seen (person, holder_id, line)")
        rows = self._seen.execute(
            """SELECT person, min(line), holder_id FROM seen WHERE person IN (
                SELECT person FROM seen GROUP BY person HAVING count(DISTINCT holder_id) > 1
            ) GROUP BY person, holder_id ORDER BY min(line)"""
        )
        found: dict[bytes, dict[str, Any]] = {}
        for person, line, holder_id in rows:
            group = found.setdefault(person, {"lines": [], "holder_ids": []})
            group["lines"].append(line)
            group["holder_ids"].append(holder_id)
        return list(found.values())

    def close(self) -> None:
        """Delete the temporary file."""
        self._seen.close()

    def _person(self, record: Record) -> bytes:
        # Registers swap family and given names, and hyphenate differently.
        names = sorted(word(f"{record.family_name} {record.given_names or ''}").replace("_", " ").split())
        text = f"{' '.join(names)}|{record.birth_date}"
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=16).digest()
