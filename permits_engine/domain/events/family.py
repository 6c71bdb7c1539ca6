"""Facts and family ties on a permit file."""

from datetime import date

from permits_engine.domain.events.base import Event


class FactNoted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A fact about the holder was recorded through this file; its evidence is in the holder's own stream.

    ``of`` is the file of the family member on whose title this one depends.
    """

    NAME = "permit.fact_recorded"
    CORRECTABLE = frozenset({"since", "until"})
    kind: str
    since: date
    until: date | None = None
    of: str | None = None


class DependentLinked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Another file's title depends on this one's by a family tie; ``kind`` is the fact that shows it."""

    NAME = "permit.dependent_linked"
    dependent: str
    kind: str
    since: date
    until: date | None = None


class PrincipalEnded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The title on which this one depends has ended, in the way ``how``, from the legal date."""

    NAME = "permit.principal_ended"
    principal: str
    how: str


class PrincipalRestored(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The end of the title on which this one depends was undone from its beginning."""

    NAME = "permit.principal_restored"
    principal: str
