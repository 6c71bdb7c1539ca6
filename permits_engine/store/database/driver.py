"""The driver of PostgreSQL, ``psycopg``, loaded when it is first asked for.

It costs a fifth of a second, which a store in SQLite does not need, and it is an extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

__all__ = ["psycopg"]


def __getattr__(name: str) -> Any:
    """Load the driver; raise ``ImportError`` where it is not installed."""
    if name != "psycopg":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import psycopg

    globals()[name] = psycopg
    return psycopg
