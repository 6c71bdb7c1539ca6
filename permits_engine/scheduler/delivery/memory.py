"""A channel that keeps letters in memory, for scenarios and tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from permits_engine.scheduler.delivery.channel import Contact, DeliveryError, Evidence, Letter, only
from permits_engine.scheduler.notices.outbox import Routes


class SinkChannel:
    """Accepts every letter and keeps it in ``letters``, in order of sending."""

    name = "sink"
    contact: Contact | None = None
    recognises = True
    batch = 200
    per_second: float | None = None

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def send(self, letter: Letter) -> Evidence:
        """Keep one letter."""
        return only(self.send_many([letter]))

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Keep letters."""
        self.letters.extend(letters)
        return [Evidence(self.name, None, "kept") for _ in letters]

    def close(self) -> None:
        """The letters stay readable."""


class RecordingSink(SinkChannel):
    """A sink that remembers of which permit each letter was, for those who ask what a step sent."""

    def __init__(self) -> None:
        super().__init__()
        self.details: dict[str, dict[str, Any]] = {}

    def permit_of(self, letter: Letter) -> str | None:
        """The permit that a letter was about."""
        found = self.details.get(letter.notice_id)
        return found["permit_id"] if found else None

    def described(self, letter: Letter) -> dict[str, Any]:
        """A letter as a scenario speaks of it."""
        row = self.details.get(letter.notice_id, {})
        return {
            "kind": letter.kind,
            "tier": letter.tier,
            "to": row.get("recipient"),
            "language": letter.language,
            "expedited": letter.expedited,
        }


class _Watched(Routes):
    """Routes that tell the sink about each message."""

    def __init__(self, sink: RecordingSink) -> None:
        super().__init__(sink, sink)
        self._sink = sink

    def channel(self, row: Any) -> Any:
        """The sink, told of the message."""
        self._sink.details[row["notice_id"]] = dict(row)
        return self._sink


def sink_routes() -> tuple[Routes, RecordingSink]:
    """Routes to a sink that always accepts."""
    sink = RecordingSink()
    return _Watched(sink), sink
