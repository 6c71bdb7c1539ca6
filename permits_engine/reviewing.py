"""What a history is asked years later: decided again, under its own rules or others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from permits_engine.replay import replaying
from permits_engine.replay.deciding import Again
from permits_engine.replay.parquet import ParquetSource
from permits_engine.replay.running import Hands
from permits_engine.replay.sources import Source, StoreSource
from permits_engine.store import history
from permits_engine.store.database import Database


class Reviews:
    """The part of the façade that looks back over whole histories."""

    database: Database

    def replay(
        self,
        *,
        parquet: str | Path | None = None,
        workers: int = 1,
        dask: str | None = None,
        state: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Again:
        """Decide every decision again from its recorded input under the rules that it pins.

        Reads the live store, or a history exported to ``parquet``. ``workers`` are processes of this machine,
        ``dask`` the address of a scheduler whose workers can read the same source. With a ``state`` file a run
        that was stopped goes on. Raises ``input.invalid``, ``store.unavailable``.
        """
        source, name = self._source(parquet)
        return replaying.replay(source, name, hands=Hands(workers, dask), state=state, progress=progress)

    def _source(self, parquet: str | Path | None = None) -> tuple[Source, str]:
        """The history to be read, and a name that tells it from others."""
        if parquet is not None:
            return exported(parquet)
        with self.database.read() as unit:
            name = history.head(unit).store_id
        return StoreSource.of(self.database), name


def exported(folder: str | Path) -> tuple[Source, str]:
    """A history that was exported to Parquet, and a name that tells it from others; needs no store."""
    source = ParquetSource.at(folder)
    return source, source.place.address
