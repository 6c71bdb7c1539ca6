"""Letters for people without an address: they wait at the counter."""

from __future__ import annotations

from collections.abc import Sequence

from permits_engine.scheduler.delivery.channel import Contact, DeliveryError, Evidence, Letter, only


class CounterChannel:
    """Accepts every letter for the counter of its office, where the holder is served it in person.

    Nothing leaves the store: the record is the delivery.
    """

    name = "counter"
    contact: Contact | None = None
    recognises = True
    batch = 200
    per_second: float | None = None

    def send(self, letter: Letter) -> Evidence:
        """Leave one letter at the counter."""
        return only(self.send_many([letter]))

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Leave letters at the counters of their offices."""
        return [self.served(letter.office) for letter in letters]

    def served(self, office: str) -> Evidence:
        """What shows that a message waits at the counter of an office."""
        return Evidence(self.name, None, f"waits at the counter of {office}")

    def close(self) -> None:
        """Nothing is held open."""
