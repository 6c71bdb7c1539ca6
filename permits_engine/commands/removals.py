"""Commands about the person behind a file: facts, removal, entry ban."""

from __future__ import annotations

from permits_engine.commands.base import PermitCommand
from permits_engine.commands.fields import Code, Day, Identity, Instant, Line, Text


class RecordFact(PermitCommand):
    """Record a fact about the holder, with its evidence and from when until when it is valid.

    ``of`` is the file of the family member on whose title this one depends, where the fact is such a tie.
    """

    kind: Code
    since: Day
    until: Day | None = None
    evidence: Text
    of: Identity | None = None


class OrderRemoval(PermitCommand):
    """Order the holder's removal, notified at an instant."""

    ground: Line
    notified_at: Instant
    reasons: Text | None = None


class CarryOutRemoval(PermitCommand):
    """Carry out the removal at an instant, once the time to appeal and any appeal are over."""

    at: Instant


class AnnulRemoval(PermitCommand):
    """Annul the removal that is in force."""

    reasons: Text | None = None


class OrderEntryBan(PermitCommand):
    """Forbid the holder's return until a day, separately from the removal and after hearing them."""

    until: Day
    observations: Text
    reasons_in_fact: Text
    reasons_in_law: Text


class LiftEntryBan(PermitCommand):
    """Lift the entry ban in force."""

    reasons: Text
