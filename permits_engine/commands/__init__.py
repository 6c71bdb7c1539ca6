"""The commands: one vocabulary for Python, JSON Lines and scenario files.

The class is ``LodgeApplication``, the name ``lodge_application``. ``on`` is the legal date (default: today).
"""

from __future__ import annotations

from permits_engine.commands.base import Command
from permits_engine.commands.data_protection import (
    AnswerDataRequest,
    EraseHolder,
    LiftHold,
    PlaceHold,
    RecordDataRequest,
)
from permits_engine.commands.holders import LinkHolders, RegisterHolder, UnlinkHolders, UpdateHolder
from permits_engine.commands.permits import (
    ClosePermit,
    CorrectRecord,
    DecideAppeal,
    Exclusion,
    ExtendDecision,
    IssuePermit,
    LodgeAppeal,
    LodgeApplication,
    NotifyDecision,
    RecordExit,
    RecordOpinion,
    RecordReturn,
    RefuseApplication,
    RefuseRenewal,
    RenewPermit,
    ReopenExamination,
    ReplaceCard,
    RequestDocuments,
    RequestRenewal,
    RevokePermit,
    RunClock,
    SupplyDocuments,
    TransferFile,
)
from permits_engine.commands.registry import COMMANDS, PUBLIC, parse
from permits_engine.commands.removals import (
    AnnulRemoval,
    CarryOutRemoval,
    LiftEntryBan,
    OrderEntryBan,
    OrderRemoval,
    RecordFact,
)
