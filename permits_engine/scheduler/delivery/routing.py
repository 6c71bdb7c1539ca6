"""Which channels take which message, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from permits_engine.domain.permit import notices
from permits_engine.projections.holder import Person
from permits_engine.scheduler.delivery.channel import Channel


class Routes:
    """Which channels take which message: by recipient and kind, with a default for each recipient.

    ``holder`` may be several channels: the first one that reaches the holder is taken, and the next one where
    it refuses for good. ``offices`` maps an office to its address; with ``digests`` each of these gets its list
    every working morning.
    """

    def __init__(
        self,
        holder: Channel | Sequence[Channel],
        office: Channel,
        kinds: Mapping[str, Channel] | None = None,
        offices: Mapping[str, str] | None = None,
        digests: bool = False,
    ) -> None:
        self.holder: tuple[Channel, ...] = tuple(holder) if isinstance(holder, Sequence) else (holder,)
        self.office = office
        self.kinds = dict(kinds or {})
        self.offices = dict(offices or {})
        self.digests = digests

    def channel(self, row: Mapping[str, Any]) -> Channel:
        """The preferred channel of a message that goes out now."""
        return self.planned(row)

    def planned(self, row: Mapping[str, Any]) -> Channel:
        """The channel that is meant for a message."""
        special = self.kinds.get(row["kind"])
        if special is not None:
            return special
        return self.holder[0] if row["recipient"] == notices.HOLDER else self.office

    def channels(self, row: Mapping[str, Any], person: Person) -> Sequence[Channel]:
        """The channels of a message, the preferred one first: what the person prefers goes before the order set."""
        first = self.channel(row)
        if first is not self.holder[0] or row["recipient"] != notices.HOLDER:
            return (first,)
        return sorted(
            self.holder, key=lambda each: each.contact != person.prefers if person.prefers else False
        )

    def reaches(self, row: Mapping[str, Any], channel: Channel, person: Person) -> bool:
        """Whether a channel has what it needs to reach the recipient."""
        return channel.contact is None or self.contact(row, channel, person) is not None

    def contact(self, row: Mapping[str, Any], channel: Channel, person: Person) -> str | None:
        """The recipient's address on a channel."""
        if row["recipient"] != notices.HOLDER:
            return self.offices.get(row["office"])
        return person.phone if channel.contact == "phone" else person.email

    def rest(self) -> None:
        """Let go of connections until the next letter."""
        for channel in {id(c): c for c in (*self.holder, self.office, *self.kinds.values())}.values():
            channel.close()
