"""Instants as microseconds since the epoch, and as text."""

from __future__ import annotations

from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Return a moment as microseconds since the epoch."""
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(value: int) -> datetime:
    """Return microseconds since the epoch as an instant in UTC."""
    return datetime.fromtimestamp(value // 1_000_000, UTC).replace(microsecond=value % 1_000_000)


def iso(value: int) -> str:
    """Return microseconds since the epoch as RFC 3339 in UTC."""
    return moment(value).isoformat(timespec="microseconds").replace("+00:00", "Z")
