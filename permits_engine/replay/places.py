"""A source as a process finds it: opened once, by what it was told of its place."""

from __future__ import annotations

from functools import lru_cache

from permits_engine.replay.parquet import ParquetSource
from permits_engine.replay.sources import Place, Source, StoreSource
from permits_engine.store.database.transactions import Database


@lru_cache(maxsize=2)
def opened(place: Place) -> Source:
    """The source of a place, opened once in a process."""
    return (
        ParquetSource(place) if place.kind == "parquet" else StoreSource(Database.open(place.address), place)
    )
