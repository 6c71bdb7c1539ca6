"""A channel that keeps letters in memory, for scenarios and tests."""

from __future__ import annotations

from collections.abc import Sequence

from permits_engine.scheduler.delivery.channel import Contact, DeliveryError, Evidence, Letter, only


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
