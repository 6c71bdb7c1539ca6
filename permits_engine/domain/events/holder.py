"""Events of persons."""

from datetime import date

from permits_engine.domain.events.base import Event

PERSONAL = (
    "family_name",
    "given_names",
    "also_known_as",
    "birth_date",
    "sex",
    "nationality",
    "nationality_read",
    "language",
    "email",
    "phone",
    "address",
    "prefers",
)
"""The fields recorded about a person, in the order in which they are shown; all are encrypted."""


class _PersonalData(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of ``PERSONAL``."""

    ENCRYPTED = frozenset(PERSONAL)
    family_name: str | None = None
    given_names: str | None = None
    also_known_as: list[dict[str, str]] | None = None
    birth_date: str | None = None
    sex: str | None = None
    nationality: str | None = None
    nationality_read: str | None = None
    language: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    prefers: str | None = None


class HolderRegistered(_PersonalData, frozen=True, kw_only=True, omit_defaults=True):
    """A person was registered; every field about them is encrypted."""

    NAME = "holder.registered"


class HolderUpdated(_PersonalData, frozen=True, kw_only=True, omit_defaults=True):
    """Personal data changed; ``changed`` names the fields, so that one can also be emptied."""

    NAME = "holder.updated"
    changed: tuple[str, ...]


class HolderLinked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Another holder was declared to be the same person; recorded in the streams of both."""

    NAME = "holder.linked"
    ENCRYPTED = frozenset({"reason"})
    other: str
    reason: str | None = None


class HolderUnlinked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Another holder was declared not to be the same person after all."""

    NAME = "holder.unlinked"
    ENCRYPTED = frozenset({"reason"})
    other: str
    reason: str | None = None


class FactRecorded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A fact with legal effects was recorded about a person, with its validity and encrypted evidence."""

    NAME = "holder.fact_recorded"
    ENCRYPTED = frozenset({"evidence"})
    kind: str
    since: date
    until: date | None = None
    of: str | None = None
    evidence: str | None = None


class HolderAccessed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The actor read a person's data, recorded once a day; ``purpose`` is the stated reason."""

    NAME = "holder.accessed"
    ENCRYPTED = frozenset({"purpose"})
    purpose: str | None = None


class HolderRequestRecorded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The person exercised a right over their data; ``due_on`` is the last day to answer (law 09-08)."""

    NAME = "holder.request_recorded"
    right: str
    due_on: date


class HolderRequestAnswered(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A request about the person's data, recorded at ``of_version``, was answered."""

    NAME = "holder.request_answered"
    ENCRYPTED = frozenset({"reason"})
    of_version: int
    outcome: str
    reason: str | None = None


class HolderHoldPlaced(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A duty to keep the person's data forbids their erasure: the norm, and until when."""

    NAME = "holder.hold_placed"
    ENCRYPTED = frozenset({"reason"})
    norm: str
    until: date | None = None
    reason: str | None = None


class HolderHoldLifted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The duty recorded at ``of_version`` ended."""

    NAME = "holder.hold_lifted"
    ENCRYPTED = frozenset({"reason"})
    of_version: int
    reason: str | None = None


class HolderErased(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The key that encrypts the holder's personal data was destroyed.

    ``reason`` names no person; ``archive_agreement`` is the reference of the archives' consent, where there was one.
    """

    NAME = "holder.erased"
    reason: str
    archive_agreement: str | None = None
