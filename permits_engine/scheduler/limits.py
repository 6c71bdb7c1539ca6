"""The limits of a pass: how it writes, how long it may go on, and when it stops for a human."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from permits_engine.store.database.transactions import Transaction

APART = 3_600_000_000
"""Microseconds by which this machine's clock and the database's may differ."""


@dataclass(frozen=True)
class Limits:
    """``write`` opens each transaction of a pass; ``may_continue`` is asked before each letter and each batch.

    ``brake`` is the number of letters beyond which a pass does not begin (none: any). ``released`` lets it begin
    against all brakes, because a human has checked.
    """

    write: Callable[[], AbstractContextManager[Transaction]]
    may_continue: Callable[[], bool]
    brake: int | None = None
    released: bool = False
