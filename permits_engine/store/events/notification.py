"""Waiting for new events: PostgreSQL notifies, and a short poll does not depend on it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from permits_engine.domain.errors import PermitsError
from permits_engine.store.database import driver
from permits_engine.store.database.transactions import Database

SHORTEST, LONGEST, LISTENING = 0.02, 0.25, 1.0
"""Seconds between two polls: at first, at most, and at most while listening. A lost notification costs no more."""

_LOCK = 7310584211
"""A lock that listeners share; a commit notifies only then (see ``permits_wake`` in migration 0001)."""


class ChangeListener:
    """Waits for new events in a store; on PostgreSQL with a connection of its own that listens."""

    def __init__(self, database: Database) -> None:
        self._pause = SHORTEST
        self._known = False
        self._connection: Any = _listening(database) if database.dialect == "postgresql" else None

    def reset(self) -> None:
        """Begin with a short wait again, after something was new."""
        self._pause = SHORTEST

    def wait(self, most: float) -> None:
        """Wait for a notification, or for a time that grows from call to call; at most ``most`` seconds."""
        if self._woken(most):
            return
        time.sleep(min(self._pause, most))
        self._pause = min(self._pause * 2, LONGEST)

    def _woken(self, most: float) -> bool:
        """Return whether the wait was spent listening: only once commits are known to notify."""
        if self._connection is None:
            return False
        try:
            if not self._known:
                row = self._connection.execute(f"SELECT pg_try_advisory_lock_shared({_LOCK})").fetchone()
                self._known = bool(row and row[0])
                return self._known  # first look for what was committed before
            for _ in self._connection.notifies(timeout=min(LISTENING, most), stop_after=1):
                pass
        except driver.psycopg.Error:  # the connection was lost: poll instead
            self.close()
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _listening(database: Database) -> Any:
    """Return a connection that listens, or none if there cannot be one: then the waits are short."""
    try:
        connection = database.source.connect(writing=False)
    except PermitsError:
        return None
    # A transaction-pooling proxy loses notifications, as it loses prepared statements.
    if connection.prepare_threshold is not None:
        with suppress(driver.psycopg.Error):
            connection.execute("LISTEN permits_events")
            return connection
    connection.close()
    return None
