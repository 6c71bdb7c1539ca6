"""Letters for people without an address: they wait at the counter of their office."""

from __future__ import annotations

from collections.abc import Sequence

from permits_engine.scheduler.delivery.channel import Channel, Contact, DeliveryError, Evidence, Letter


class CounterChannel(Channel):
    """Accepts every letter for the counter of its office, where the holder is served it in person.

    Nothing leaves the store: the recorded event is the delivery.
    """

    name = "counter"
    contact: Contact | None = None
    idempotent = True
    batch = 200

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Leave letters at the counters of their offices."""
        return [self.served(letter.office) for letter in letters]

    def served(self, office: str) -> Evidence:
        """Return the evidence that a letter waits at the counter of an office."""
        return Evidence(self.name, None, f"waits at the counter of {office}")
