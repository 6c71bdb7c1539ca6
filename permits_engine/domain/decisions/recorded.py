"""The recorded input of every decision: which events one command led to, and what it must have said.

A decision's events hold all that it was decided on, except words that are encrypted under the holder's key. These
are no ground of any rule; what matters is whether there were any, and that can be seen without the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from permits_engine.domain.events import (
    AppealDecided,
    Appealed,
    ApplicationLodged,
    ApplicationReturned,
    CardReplaced,
    Closed,
    Corrected,
    DecisionExtended,
    DecisionNotified,
    DependentLinked,
    DocumentsRequested,
    DocumentsSupplied,
    EntryBanLifted,
    EntryBanned,
    Event,
    ExaminationReopened,
    ExitRecorded,
    FactNoted,
    ImplicitlyGranted,
    ImplicitlyRefused,
    Issued,
    Lapsed,
    LostByAbsence,
    OpinionRecorded,
    PrincipalEnded,
    PrincipalRestored,
    ReceiptExtended,
    ReceiptIssued,
    Refused,
    Reinstated,
    RemovalAnnulled,
    RemovalCarriedOut,
    RemovalOrdered,
    RenewalRefused,
    RenewalRequested,
    Renewed,
    ReturnRecorded,
    Revoked,
    Transferred,
)

ENCRYPTED = "(encrypted)"
"""Stands for words that only the holder's key opens."""

RUN_CLOCK = "run_clock"
_CLOCKS = (
    ReceiptExtended,
    ApplicationReturned,
    ImplicitlyRefused,
    ImplicitlyGranted,
    Lapsed,
    LostByAbsence,
)

_TOLD = (DependentLinked, PrincipalEnded, PrincipalRestored)

Numbered = tuple[int, Event]


class RecordedDecision(NamedTuple):
    """What one command led to: its name, its events with their versions, and the moment of deciding.

    ``decided_at`` is in microseconds since the epoch, exact to the millisecond.
    """

    name: str
    events: tuple[Numbered, ...]
    decided_at: int

    @property
    def first(self) -> Event:
        """The event that tells what was asked."""
        return self.events[0][1]

    @property
    def version(self) -> int:
        """The version of the first event."""
        return self.events[0][0]

    @property
    def imported(self) -> bool:
        """Whether it came in with an old register: a fact from outside, decided by no rule here."""
        return self.first.basis is not None and self.first.basis.imported

    @property
    def told(self) -> bool:
        """Whether it tells what happened on another file: decided there, and a fact here."""
        return isinstance(self.first, _TOLD)

    def day(self, time_zone: str) -> date:
        """The legal day on which it was decided."""
        return day_of(self.decided_at, time_zone)


def day_of(moment: int, time_zone: str) -> date:
    """The legal day of a moment given in microseconds since the epoch."""
    return datetime.fromtimestamp(moment / 1_000_000, UTC).astimezone(_zone(time_zone)).date()


_zones: dict[str, ZoneInfo] = {}


def _zone(name: str) -> ZoneInfo:
    found = _zones.get(name)
    return found if found is not None else _zones.setdefault(name, ZoneInfo(name))


def recorded_decisions(history: Sequence[Numbered], recorded: Sequence[int]) -> Iterator[RecordedDecision]:
    """The events of one file, command by command; ``recorded`` are their recorded times.

    What follows from a command in the same breath stands behind it: a receipt, a title given back, the second
    half of a correction, and of a pass of the scheduler every act that it recorded.
    """
    start = 0
    for at in range(1, len(history) + 1):
        if at < len(history) and _belongs(history[start][1], history[at - 1][1], history[at][1]):
            continue
        first = history[start][1]
        yield RecordedDecision(
            _name_of(first), tuple(history[start:at]), _moment(first.event_id, recorded[start])
        )
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
    """Whether time alone brought the event about."""
    return isinstance(event, _CLOCKS) or (isinstance(event, Renewed) and event.track == "automatic")


def _moment(event_id: str, recorded_at: int) -> int:
    """When it was decided: the event's own id says so (RFC 9562); PostgreSQL records at commit, a little later."""
    try:
        identity = UUID(event_id)
    except ValueError:
        return recorded_at
    return (identity.int >> 80) * 1000 if identity.version == 7 else recorded_at


def _name_of(first: Event) -> str:
    return RUN_CLOCK if is_time_effect(first) else _COMMANDS.get(type(first), "")


_COMMANDS: dict[type[Event], str] = {
    ApplicationLodged: "lodge_application",
    RenewalRequested: "request_renewal",
    DocumentsSupplied: "supply_documents",
    DocumentsRequested: "request_documents",
    DecisionExtended: "extend_decision",
    OpinionRecorded: "record_opinion",
    Issued: "issue_permit",
    Refused: "refuse_application",
    ExaminationReopened: "reopen_examination",
    Renewed: "renew_permit",
    RenewalRefused: "refuse_renewal",
    Revoked: "revoke_permit",
    DecisionNotified: "notify_decision",
    Appealed: "lodge_appeal",
    AppealDecided: "decide_appeal",
    ExitRecorded: "record_exit",
    ReturnRecorded: "record_return",
    Transferred: "transfer_file",
    CardReplaced: "replace_card",
    Closed: "close_permit",
    Corrected: "correct_record",
    FactNoted: "record_fact",
    RemovalOrdered: "order_removal",
    RemovalAnnulled: "annul_removal",
    RemovalCarriedOut: "carry_out_removal",
    EntryBanned: "order_entry_ban",
    EntryBanLifted: "lift_entry_ban",
}


class _Exclusion:
    """An exclusion whose words are encrypted."""

    @staticmethod
    def model_dump() -> dict[str, str]:
        return {"fact": ENCRYPTED, "reasons_in_fact": ENCRYPTED, "reasons_in_law": ENCRYPTED}


def possible_commands(made: RecordedDecision) -> list[Any]:
    """What the command may have said, the likeliest first.

    More than one where the events leave it open: whether a term was asked for or is the policy's own, whether
    the encrypted proof of a notification was blank.
    """
    first = made.first
    if made.name == RUN_CLOCK:
        return [SimpleNamespace(name=RUN_CLOCK, on=first.effective_on)]
    fields = [_FIELDS[type(first)](first)] if type(first) in _FIELDS else [{}]
    if isinstance(first, Issued | Renewed):
        fields = [{**fields[0], "term": term} for term in (None, first.term)]
    if isinstance(first, Corrected) and first.value is None and first.field == "proof":
        fields = [{**fields[0], "value": value} for value in (ENCRYPTED, " ")]
    return [SimpleNamespace(name=made.name, on=first.effective_on, **each) for each in fields]


def _words(event: Event) -> str:
    return ENCRYPTED if event.sealed is not None else ""


def _reasons(x: Any) -> dict[str, Any]:
    return {"reasons_in_fact": _words(x), "reasons_in_law": _words(x)}


_FIELDS: dict[type[Event], Callable[[Any], dict[str, Any]]] = {
    ApplicationLodged: lambda x: {
        "permit_id": None,
        "holder_id": x.holder_id,
        "jurisdiction": x.jurisdiction,
        "category": x.category,
        "criterion": x.criterion,
        "prefecture": x.prefecture,
        "file_number": _words(x) or None,
        "missing": x.missing,
    },
    RenewalRequested: lambda x: {"missing": x.missing},
    DocumentsSupplied: lambda x: {"documents": x.documents},
    DocumentsRequested: lambda x: {"documents": x.documents, "reason": _words(x)},
    DecisionExtended: lambda x: {"reason": x.reason, "until": x.until},
    OpinionRecorded: lambda x: {"body": x.body, "favourable": x.favourable, "reasons": _words(x)},
    Issued: lambda x: {"card_number": _words(x) or None},
    Renewed: lambda x: {
        "card_number": _words(x) or None,
        "exclusion": _Exclusion() if x.excluded else None,
    },
    Refused: _reasons,
    RenewalRefused: _reasons,
    Revoked: lambda x: {"ground": x.ground, **_reasons(x)},
    DecisionNotified: lambda x: {
        "mode": x.mode,
        "proof": ENCRYPTED if x.proven else None,
        "decision_version": x.decision_version,
    },
    Appealed: lambda x: {"body": x.body, "against": x.against, "at": x.at},
    AppealDecided: lambda x: {
        "outcome": x.outcome,
        "reasons": _words(x),
        "against": x.against,
        "at": x.at,
    },
    Transferred: lambda x: {"prefecture": x.prefecture},
    CardReplaced: lambda x: {"reason": x.reason, "card_number": _words(x) or None},
    Closed: lambda x: {"reason": x.reason},
    Corrected: lambda x: {
        "of_version": x.of_version,
        "field": x.field,
        "value": ENCRYPTED if x.value is None else x.value,
        "reason": _words(x),
    },
    FactNoted: lambda x: {
        "kind": x.kind,
        "since": x.since,
        "until": x.until,
        "of": x.of,
        "evidence": ENCRYPTED,
    },
    RemovalOrdered: lambda x: {
        "ground": x.ground,
        "notified_at": x.notified_at,
        "reasons": _words(x) or None,
    },
    RemovalCarriedOut: lambda x: {"at": x.at},
    RemovalAnnulled: lambda x: {"reasons": _words(x) or None},
    EntryBanned: lambda x: {"until": x.until, "observations": _words(x), **_reasons(x)},
    EntryBanLifted: lambda x: {"reasons": _words(x)},
}


__all__ = [
    "ENCRYPTED",
    "RUN_CLOCK",
    "Numbered",
    "RecordedDecision",
    "day_of",
    "is_time_effect",
    "possible_commands",
    "recorded_decisions",
]
