"""Events of removals from the territory and of entry bans."""

from datetime import date, datetime

from permits_engine.domain.events.base import Event


class RemovalOrdered(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Removal from the territory was ordered (law 02-03, articles 21 and 25).

    ``age`` is the holder's on the day where known, and ``age_at_most`` the greatest that it can be; ``asks`` names
    the protections not yet examined.
    """

    NAME = "permit.removal_ordered"
    ENCRYPTED = frozenset({"reasons"})
    CORRECTABLE = frozenset({"notified_at"})
    ground: str
    notified_at: datetime
    age: int | None = None
    age_at_most: int | None = None
    asks: tuple[str, ...] = ()
    reasons: str | None = None


class RemovalCarriedOut(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The person was brought to the border at an instant; ``asks`` names the protections not examined by then."""

    NAME = "permit.removal_carried_out"
    order_version: int
    at: datetime
    age: int | None = None
    age_at_most: int | None = None
    asks: tuple[str, ...] = ()


class RemovalAnnulled(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The removal was annulled; a provisional stay and a new examination follow (law 02-03, article 24).

    ``title`` is the file of the person whose new card ended the order: that card is the stay (article 10).
    """

    NAME = "permit.removal_annulled"
    ENCRYPTED = frozenset({"reasons"})
    order_version: int
    title: str | None = None
    reasons: str | None = None


class EntryBanned(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Return was forbidden until a day, by a decision separate from the removal (law 02-03, article 22)."""

    NAME = "permit.entry_banned"
    ENCRYPTED = frozenset({"observations", "reasons_in_fact", "reasons_in_law"})
    order_version: int
    until: date
    observations: str | None = None
    reasons_in_fact: str | None = None
    reasons_in_law: str | None = None


class EntryBanLifted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The ban was lifted before its end."""

    NAME = "permit.entry_ban_lifted"
    ENCRYPTED = frozenset({"reasons"})
    ban_version: int
    reasons: str | None = None
