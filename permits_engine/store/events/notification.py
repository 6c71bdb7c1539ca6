"""Waiting for new events: woken by PostgreSQL where it can be, and looking again after a while in any case."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from permits_engine.domain.errors import PermitsError
from permits_engine.store.database.transactions import Database

SHORTEST, LONGEST, LISTENING = 0.02, 0.25, 1.0
"""Seconds between two looks: at first, at most, and at most for whoever is woken. A lost wake-up costs no more."""

_LOCK = 7310584211
"""Held shared by whoever listens; a commit notifies only then (see ``permits_wake`` in migration 0001)."""


class ChangeListener:
    """Waits for what may be new in a store; holds a connection of its own where that can be woken."""

    def __init__(self, database: Database) -> None:
        self._pause = SHORTEST
        self._known = False
        self._connection: Any = _listening(database) if database.dialect == "postgresql" else None

    def reset(self) -> None:
        """Something was new: the next wait begins with a short one."""
        self._pause = SHORTEST

    def wait(self, most: float) -> None:
        """Until woken, or for a while that grows from wait to wait; ``most`` seconds at the most."""
        if self._woken(most):
            return
        time.sleep(min(self._pause, most))
        self._pause = min(self._pause * 2, LONGEST)

    def _woken(self, most: float) -> bool:
        """Whether the wait was spent listening: only once commits are known to notify."""
        if self._connection is None:
            return False
        from psycopg import Error

        try:
            if not self._known:
                row = self._connection.execute(f"SELECT pg_try_advisory_lock_shared({_LOCK})").fetchone()
                self._known = bool(row and row[0])
                return self._known  # what was committed before is to be looked for first
            for _ in self._connection.notifies(timeout=min(LISTENING, most), stop_after=1):
                pass
        except Error:  # the connection was lost: without it the waits are short ones
            self.close()
            return False
        return True

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _listening(database: Database) -> Any:
    """A connection that is notified; none where there cannot be one: the waits are short ones then."""
    import psycopg

    try:
        connection = database.source.connect(writing=False)
    except PermitsError:
        return None
    # Through a transaction-pooling proxy, to which prepared statements are lost, notifications are too.
    if connection.prepare_threshold is not None:
        with suppress(psycopg.Error):
            connection.execute("LISTEN permits_events")
            return connection
    connection.close()
    return None
