"""What has happened: every stored event as a frozen, versioned struct, in one closed registry."""

from __future__ import annotations

from permits_engine.domain.event import Actor, Basis, Event, stored_name
from permits_engine.domain.other_events import (
    FactRecorded,
    HolderRegistered,
    HolderUpdated,
    NoticeBounced,
    NoticeDue,
    NoticeFailed,
    NoticeParked,
    NoticeSent,
    NoticeSuppressed,
    PolicyAdopted,
)
from permits_engine.domain.permit_events import (
    AppealDecided,
    Appealed,
    ApplicationLodged,
    ApplicationReturned,
    CardReplaced,
    Closed,
    Corrected,
    DecisionExtended,
    DecisionNotified,
    DocumentsRequested,
    DocumentsSupplied,
    ExitRecorded,
    ImplicitlyGranted,
    ImplicitlyRefused,
    Issued,
    Lapsed,
    LostByAbsence,
    OpinionRecorded,
    ReceiptExtended,
    ReceiptIssued,
    Refused,
    Reinstated,
    RenewalRefused,
    RenewalRequested,
    Renewed,
    ReturnRecorded,
    Revoked,
    Transferred,
)


def _all(kind: type[Event]) -> list[type[Event]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _all(child))]


EVENTS: dict[str, type[Event]] = {stored_name(kind): kind for kind in _all(Event) if kind.NAME}
"""The closed registry: stored type to class. What is not here is not read."""

__all__ = [
    "EVENTS",
    "Actor",
    "AppealDecided",
    "Appealed",
    "ApplicationLodged",
    "ApplicationReturned",
    "Basis",
    "CardReplaced",
    "Closed",
    "Corrected",
    "DecisionExtended",
    "DecisionNotified",
    "DocumentsRequested",
    "DocumentsSupplied",
    "Event",
    "ExitRecorded",
    "FactRecorded",
    "HolderRegistered",
    "HolderUpdated",
    "ImplicitlyGranted",
    "ImplicitlyRefused",
    "Issued",
    "Lapsed",
    "LostByAbsence",
    "NoticeBounced",
    "NoticeDue",
    "NoticeFailed",
    "NoticeParked",
    "NoticeSent",
    "NoticeSuppressed",
    "OpinionRecorded",
    "PolicyAdopted",
    "ReceiptExtended",
    "ReceiptIssued",
    "Refused",
    "Reinstated",
    "RenewalRefused",
    "RenewalRequested",
    "Renewed",
    "ReturnRecorded",
    "Revoked",
    "Transferred",
    "stored_name",
]
