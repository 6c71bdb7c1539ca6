"""What a pass is run under: how it writes, how long it may go on, and when it stops for a human."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from permits_engine.store.database.transactions import Database, Transaction

Write = Callable[[], AbstractContextManager[Transaction]]

APART = 3_600_000_000
"""Microseconds by which this machine's clock and the database's may differ."""


@dataclass(frozen=True)
class Limits:
    """``write`` opens each transaction of the pass, ``go_on`` is asked before each letter and each batch.

    ``brake`` is the number of letters beyond which a pass does not begin (none: any number).
    """

    write: Write
    go_on: Callable[[], bool]
    brake: int | None = None
    released: bool = False
    """Whether a human has looked and wants the pass whatever the brakes say."""


def unlimited(database: Database) -> Limits:
    """A pass that nobody else competes with: a scenario, a demo, a test."""
    return Limits(database.write, _always)


def _always() -> bool:
    return True
