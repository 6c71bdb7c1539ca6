"""What a history is asked years later: decided again, under its own rules or others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from permits_engine.domain.policy import Policy
from permits_engine.policy_files import PARTS, compile_text, completed, documents
from permits_engine.replay import comparing, replaying
from permits_engine.replay.comparing import WhatIf
from permits_engine.replay.deciding import Again
from permits_engine.replay.inputs import day_of
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

    def what_if(
        self,
        policy: str,
        *,
        until: date | None = None,
        parquet: str | Path | None = None,
        workers: int = 1,
        dask: str | None = None,
        state: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> WhatIf:
        """The whole history beside what it would have been under another policy text.

        Parts that the text lacks are those in use. ``until`` is the last legal day (default: that of the
        last event about a permit). Raises ``policy.invalid``, ``input.invalid``, ``store.unavailable``.
        """
        source, name = self._source(parquet)
        return what_if(source, name, policy, until, Hands(workers, dask), state=state, progress=progress)

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


def what_if(
    source: Source,
    name: str,
    policy: str,
    until: date | None,
    hands: Hands,
    *,
    state: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> WhatIf:
    """A source beside what it would have been under a policy text."""
    text, other = whole(source, policy)
    day = until or day_of(source.end(), other.calendar.time_zone)
    return comparing.what_if(source, name, text, day, hands=hands, state=state, progress=progress)


def whole(source: Source, text: str) -> tuple[str, Policy]:
    """A policy text with the parts that it lacks, those in use, and compiled; raises ``policy.invalid``."""
    parts = documents(text)
    if any(part not in parts for part in PARTS):
        code = next((plain.get(kind) for kind, (plain, _) in parts.items()), None)
        text = completed(text, source.text(code if isinstance(code, str) else ""))
    return text, compile_text(text)
