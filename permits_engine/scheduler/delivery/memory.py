"""A channel that keeps letters in memory, for scenarios and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from permits_engine.scheduler.delivery.channel import Channel, Contact, DeliveryError, Evidence, Letter
from permits_engine.scheduler.delivery.routing import Routes


class SinkChannel(Channel):
    """Accepts every letter and keeps it in ``letters``, in order of sending."""

    name = "sink"
    contact: Contact | None = None
    idempotent = True
    batch = 200

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Keep letters."""
        self.letters.extend(letters)
        return [Evidence(self.name, None, "kept") for _ in letters]


class RecordingSink(SinkChannel):
    """A sink that also keeps the row of each letter's notice."""

    def __init__(self) -> None:
        super().__init__()
        self.details: dict[str, dict[str, Any]] = {}

    def permit_of(self, letter: Letter) -> str | None:
        """Return the permit that a letter was about."""
        row = self.details.get(letter.notice_id)
        return row["permit_id"] if row else None

    def described(self, letter: Letter) -> dict[str, Any]:
        """Return a letter in the fields of a scenario's ``sent``."""
        return {
            "kind": letter.kind,
            "tier": letter.tier,
            "to": self.details.get(letter.notice_id, {}).get("recipient"),
            "language": letter.language,
            "expedited": letter.expedited,
        }


class _RecordingRoutes(Routes):
    def __init__(self, sink: RecordingSink) -> None:
        super().__init__(sink, sink)
        self._sink = sink

    def channel(self, row: Mapping[str, Any]) -> Channel:
        """Return the sink, after it kept the notice's row."""
        self._sink.details[row["notice_id"]] = dict(row)
        return self._sink


def sink_routes() -> tuple[Routes, RecordingSink]:
    """Return routes to a sink that accepts every letter."""
    sink = RecordingSink()
    return _RecordingRoutes(sink), sink
