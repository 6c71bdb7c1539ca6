"""A clock for tests, which shows the instant that it was set to."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from permits_engine.domain import legal_time

MORNING = time(9, 0)


class FakeClock:
    """Shows the instant that it was set to; ``at`` sets it to 09:00 local time of a day, never back."""

    def __init__(self, start: datetime | None = None, time_zone: str = "UTC") -> None:
        self.zone = legal_time.zone(time_zone)
        self.instant = start or datetime(2000, 1, 1, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def at(self, day: date) -> datetime:
        """Move to the morning of a day, unless that has passed; return the instant."""
        morning = datetime.combine(day, MORNING, self.zone).astimezone(UTC)
        self.instant = max(self.instant, morning)
        return self.instant
