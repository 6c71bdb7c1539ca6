"""Which channels take which notice, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from permits_engine.domain.permit import notices
from permits_engine.projections.holder import Person
from permits_engine.scheduler.delivery.channel import Channel


class Routes:
    """The channels of notices by recipient and kind.

    ``holder`` may be several channels: the first one that reaches the holder is taken, and the next one where that
    refuses for good; with none of them every notice stays due. ``offices`` maps an office to its address; with
    ``digests`` each of these offices gets its digest every working morning.
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

    @property
    def deliver(self) -> bool:
        """Whether notices are sent at all."""
        return bool(self.holder)

    def channel(self, row: Mapping[str, Any]) -> Channel:
        """Return the preferred channel of a notice that is sent now."""
        return self.planned(row)

    def planned(self, row: Mapping[str, Any]) -> Channel:
        """Return the preferred channel of a notice."""
        special = self.kinds.get(row["kind"])
        if special is not None:
            return special
        return self.holder[0] if row["recipient"] == notices.HOLDER else self.office

    def channels(self, row: Mapping[str, Any], person: Person) -> Sequence[Channel]:
        """Return the channels of a notice, the person's preference before the configured order."""
        first = self.channel(row)
        if first is not self.holder[0] or row["recipient"] != notices.HOLDER:
            return (first,)
        return sorted(
            self.holder, key=lambda each: each.contact != person.prefers if person.prefers else False
        )

    def reaches(self, row: Mapping[str, Any], channel: Channel, person: Person) -> bool:
        """Return whether a channel has what it needs to reach the recipient."""
        return channel.contact is None or self.contact(row, channel, person) is not None

    def contact(self, row: Mapping[str, Any], channel: Channel, person: Person) -> str | None:
        """Return the recipient's address on a channel."""
        if row["recipient"] != notices.HOLDER:
            return self.offices.get(row["office"])
        return person.phone if channel.contact == "phone" else person.email

    def close(self) -> None:
        """Close the connections of all channels until the next letter."""
        for channel in {id(c): c for c in (*self.holder, self.office, *self.kinds.values())}.values():
            channel.close()
