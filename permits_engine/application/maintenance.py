"""The façade's part for maintenance: read models rebuilt, backups, a register imported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from permits_engine.application import rebuild
from permits_engine.application.context import Context
from permits_engine.store.database.backup import Backup, backup

if TYPE_CHECKING:
    from permits_engine.application.register.importer import ImportReport

Progress = Callable[[int, int], None]


class Store:
    """Tasks of an operator of the store."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def rebuild(
        self, name: str | None = None, *, check: bool = False, progress: Progress | None = None
    ) -> rebuild.RebuildReport:
        """Compute the read models again from history; ``check`` compares and changes nothing."""
        return rebuild.rebuild(self._context, name, check=check, progress=progress)

    def backup(self, target: str | Path, *, pg_dump: str = "pg_dump") -> Backup:
        """Copy the store into a new file while it is in use; on PostgreSQL by ``pg_dump``.

        ``verify`` reports that a store was restored from it. The key files are not in it. Raises
        ``input.invalid``, ``store.unavailable``.
        """
        return backup(self._context.database, Path(target), now=self._context.now(), pg_dump=pg_dump)

    def import_register(
        self,
        path: str | Path,
        *,
        rejects: str | Path | None = None,
        jurisdiction: str | None = None,
        encoding: str | None = None,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Import a legacy register (CSV or .xlsx); an interrupted import that is run again ends the same."""
        # The detector of encodings, telephone numbers and names of countries load for a tenth of a second.
        from permits_engine.application.register.importer import import_register

        return import_register(
            self._context,
            path,
            rejects=rejects,
            jurisdiction=jurisdiction,
            encoding=encoding,
            progress=progress,
        )
