"""An event-sourced lifecycle engine for residence permits.

``Engine``, ``Actor``, the commands and the errors are the public face; nothing else is promised.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from permits_engine.application.outcome import Outcome
    from permits_engine.application.queries.views import PermitView
    from permits_engine.commands import (
        AnnulRemoval,
        AnswerDataRequest,
        CarryOutRemoval,
        ClosePermit,
        Command,
        CorrectRecord,
        DecideAppeal,
        EraseHolder,
        Exclusion,
        ExtendDecision,
        IssuePermit,
        LiftEntryBan,
        LiftHold,
        LinkHolders,
        LodgeAppeal,
        LodgeApplication,
        NotifyDecision,
        OrderEntryBan,
        OrderRemoval,
        PlaceHold,
        RecordDataRequest,
        RecordExit,
        RecordFact,
        RecordOpinion,
        RecordReturn,
        RefuseApplication,
        RefuseRenewal,
        RegisterHolder,
        RenewPermit,
        ReopenExamination,
        ReplaceCard,
        RequestDocuments,
        RequestRenewal,
        RevokePermit,
        SupplyDocuments,
        TransferFile,
        UnlinkHolders,
        UpdateHolder,
    )
    from permits_engine.domain.errors import (
        ConflictError,
        ErasedError,
        InputError,
        IntegrityError,
        NotCompetentError,
        NotFoundError,
        PermitsError,
        PolicyError,
        RuleError,
        StoreError,
    )
    from permits_engine.domain.events import Actor
    from permits_engine.engine import Engine
    from permits_engine.projections.holder import Person
    from permits_engine.projections.listing import Page
    from permits_engine.reader import Reader

__version__ = "0.1.0"

_HOMES = {
    "permits_engine.reader": ("Reader",),
    "permits_engine.commands": (
        "AnnulRemoval",
        "CarryOutRemoval",
        "AnswerDataRequest",
        "EraseHolder",
        "LiftHold",
        "PlaceHold",
        "RecordDataRequest",
        "OrderRemoval",
        "RecordFact",
        "ClosePermit",
        "Command",
        "CorrectRecord",
        "DecideAppeal",
        "Exclusion",
        "ExtendDecision",
        "IssuePermit",
        "LiftEntryBan",
        "LinkHolders",
        "LodgeAppeal",
        "LodgeApplication",
        "NotifyDecision",
        "OrderEntryBan",
        "RecordExit",
        "RecordOpinion",
        "RecordReturn",
        "RefuseApplication",
        "RefuseRenewal",
        "RegisterHolder",
        "RenewPermit",
        "ReopenExamination",
        "ReplaceCard",
        "RequestDocuments",
        "RequestRenewal",
        "RevokePermit",
        "SupplyDocuments",
        "TransferFile",
        "UnlinkHolders",
        "UpdateHolder",
    ),
    "permits_engine.domain.errors": (
        "ConflictError",
        "ErasedError",
        "InputError",
        "IntegrityError",
        "NotCompetentError",
        "NotFoundError",
        "PermitsError",
        "PolicyError",
        "RuleError",
        "StoreError",
    ),
    "permits_engine.domain.events": ("Actor",),
    "permits_engine.engine": ("Engine",),
    "permits_engine.application.outcome": ("Outcome",),
    "permits_engine.projections.holder": ("Person",),
    "permits_engine.projections.listing": ("Page",),
    "permits_engine.application.queries.views": ("PermitView",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Actor",
    "AnnulRemoval",
    "AnswerDataRequest",
    "CarryOutRemoval",
    "ClosePermit",
    "Command",
    "ConflictError",
    "CorrectRecord",
    "DecideAppeal",
    "Engine",
    "EraseHolder",
    "ErasedError",
    "Exclusion",
    "ExtendDecision",
    "InputError",
    "IntegrityError",
    "IssuePermit",
    "LiftEntryBan",
    "LiftHold",
    "LinkHolders",
    "LodgeAppeal",
    "LodgeApplication",
    "NotCompetentError",
    "NotFoundError",
    "NotifyDecision",
    "OrderEntryBan",
    "OrderRemoval",
    "Outcome",
    "Page",
    "PermitView",
    "PermitsError",
    "Person",
    "PlaceHold",
    "PolicyError",
    "Reader",
    "RecordDataRequest",
    "RecordExit",
    "RecordFact",
    "RecordOpinion",
    "RecordReturn",
    "RefuseApplication",
    "RefuseRenewal",
    "RegisterHolder",
    "RenewPermit",
    "ReopenExamination",
    "ReplaceCard",
    "RequestDocuments",
    "RequestRenewal",
    "RevokePermit",
    "RuleError",
    "StoreError",
    "SupplyDocuments",
    "TransferFile",
    "UnlinkHolders",
    "UpdateHolder",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that importing the package costs nothing."""
    home = _HOME_OF.get(name)
    if home is None:
        from permits_engine.deprecations import renamed

        new = renamed(name)
        if new is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals().get(new) or __getattr__(new)
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
