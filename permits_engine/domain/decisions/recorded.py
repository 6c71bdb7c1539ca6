"""The recorded input of every decision: which events one command led to, and what it must have asked.

The events of a decision hold everything that it was decided on, except encrypted words. No rule reads these; what
matters is whether there were any, which shows without the key.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from permits_engine.domain import legal_time
from permits_engine.domain.decisions.case import own_fields
from permits_engine.domain.decisions.lifecycle import TRANSITIONS
from permits_engine.domain.decisions.time_effects import TIME_EFFECTS
from permits_engine.domain.events import (
    AppealDecided,
    ApplicationLodged,
    Corrected,
    DecisionNotified,
    DependentLinked,
    DocumentsSupplied,
    Event,
    ExaminationReopened,
    FactNoted,
    Issued,
    PrincipalEnded,
    PrincipalRestored,
    ReceiptIssued,
    Reinstated,
    RemovalAnnulled,
    RenewalRequested,
    Renewed,
)
from permits_engine.domain.permit.fold import is_by_law

ENCRYPTED = "(encrypted)"
"""Replaces words that only the holder's key opens."""
RUN_CLOCK = "run_clock"
_PROPAGATED = (DependentLinked, PrincipalEnded, PrincipalRestored)
_COMMANDS = {each.events[0]: each.command for each in TRANSITIONS} | {
    ApplicationLodged.NAME: "lodge_application"
}
"""Commands by the name of their first event."""

Numbered = tuple[int, Event]


class RecordedDecision(NamedTuple):
    """What one command led to: its name, its events with their versions, and when it was decided.

    ``decided_at`` is in microseconds since the epoch, exact to the millisecond.
    """

    name: str
    events: tuple[Numbered, ...]
    decided_at: int

    @property
    def first(self) -> Event:
        """The event that shows what was asked."""
        return self.events[0][1]

    @property
    def version(self) -> int:
        """The version of the first event."""
        return self.events[0][0]

    @property
    def imported(self) -> bool:
        """Whether it was imported from an old register: an outside fact, decided by no rule here."""
        return self.first.basis is not None and self.first.basis.imported

    @property
    def propagated(self) -> bool:
        """Whether it was decided on another file and is a fact here."""
        return isinstance(self.first, _PROPAGATED)

    def day(self, time_zone: str) -> date:
        """Return the legal day on which it was decided."""
        return day_of(self.decided_at, time_zone)


def day_of(moment: int, time_zone: str) -> date:
    """Return the legal day of a moment given in microseconds since the epoch."""
    return datetime.fromtimestamp(moment / 1_000_000, UTC).astimezone(legal_time.zone(time_zone)).date()


def recorded_decisions(history: Sequence[Numbered], recorded: Sequence[int]) -> Iterator[RecordedDecision]:
    """Yield the events of one file, command by command; ``recorded`` are their recorded times.

    A command's first event is followed by the others that it led to: a receipt, a restored title, the second half of a
    correction, and every time effect that one pass recorded.
    """
    start = 0
    for at in range(1, len(history) + 1):
        if at < len(history) and _belongs(history[start][1], history[at - 1][1], history[at][1]):
            continue
        first = history[start][1]
        name = RUN_CLOCK if is_time_effect(first) else _COMMANDS.get(first.NAME, "")
        yield RecordedDecision(name, tuple(history[start:at]), _moment(first.event_id, recorded[start]))
        start = at


def _belongs(first: Event, before: Event, event: Event) -> bool:
    if event.correlation_id != first.correlation_id:
        return False
    if isinstance(event, ReceiptIssued):
        return isinstance(
            before, ApplicationLodged | RenewalRequested | DocumentsSupplied | ExaminationReopened
        )
    if isinstance(event, Reinstated | RemovalAnnulled):
        return isinstance(before, AppealDecided) and before.effective_on == event.effective_on
    if isinstance(event, Corrected):
        return event.field == "regular" and isinstance(before, Corrected)
    return is_time_effect(event) and is_time_effect(first) and event.command_id == first.command_id


def is_time_effect(event: Event) -> bool:
    """Return whether the event is an effect of time alone."""
    return isinstance(event, TIME_EFFECTS) or is_by_law(event)


def _moment(event_id: str, recorded_at: int) -> int:
    """Return when it was decided, from the event id (RFC 9562); PostgreSQL records a little later, at commit."""
    try:
        identity = UUID(event_id)
    except ValueError:
        return recorded_at
    return (identity.int >> 80) * 1000 if identity.version == 7 else recorded_at


class _Exclusion:
    """An exclusion whose words are encrypted."""

    @staticmethod
    def model_dump() -> dict[str, str]:
        return dict.fromkeys(("fact", "reasons_in_fact", "reasons_in_law"), ENCRYPTED)


def possible_commands(made: RecordedDecision) -> list[SimpleNamespace]:
    """Return what the command may have asked, the likeliest first.

    More than one where the events leave it open: whether a term was asked for or is the policy's own, whether the
    encrypted proof of a notification was blank.
    """
    first = made.first
    if made.name == RUN_CLOCK:
        return [SimpleNamespace(name=RUN_CLOCK, on=first.effective_on)]
    choices: list[dict[str, Any]] = [{}]
    if isinstance(first, Issued | Renewed):
        choices = [{"term": None}, {"term": first.term}]
    if isinstance(first, Corrected) and first.value is None:
        choices = [{"value": ENCRYPTED}] + ([{"value": " "}] if first.field == "proof" else [])
    fields = {"name": made.name, "on": first.effective_on, **_fields(first)}
    return [SimpleNamespace(**fields | choice) for choice in choices]


def _fields(event: Event) -> dict[str, Any]:
    """Return the fields of the command: the event's of the same name, with a replacement for encrypted words."""
    words = ENCRYPTED if event.sealed is not None else ""
    fields = {
        name: words if name in event.ENCRYPTED else getattr(event, name) for name in own_fields(type(event))
    }
    match event:
        case ApplicationLodged():
            fields["permit_id"] = None
        case Renewed():
            fields["exclusion"] = _Exclusion() if event.excluded else None
        case DecisionNotified():
            fields["proof"] = ENCRYPTED if event.proven else None
        case FactNoted():
            fields["evidence"] = ENCRYPTED
    return fields
