"""The public names: type checkers read them here, and ``__init__`` loads each from where it says."""

from permits_engine.application.outcome import Outcome as Outcome
from permits_engine.application.queries.views import PermitView as PermitView
from permits_engine.commands import (
    AnnulRemoval as AnnulRemoval,
    AnswerDataRequest as AnswerDataRequest,
    CarryOutRemoval as CarryOutRemoval,
    ClosePermit as ClosePermit,
    Command as Command,
    CorrectRecord as CorrectRecord,
    DecideAppeal as DecideAppeal,
    EraseHolder as EraseHolder,
    Exclusion as Exclusion,
    ExtendDecision as ExtendDecision,
    IssuePermit as IssuePermit,
    LiftEntryBan as LiftEntryBan,
    LiftHold as LiftHold,
    LinkHolders as LinkHolders,
    LodgeAppeal as LodgeAppeal,
    LodgeApplication as LodgeApplication,
    NotifyDecision as NotifyDecision,
    OrderEntryBan as OrderEntryBan,
    OrderRemoval as OrderRemoval,
    PlaceHold as PlaceHold,
    RecordDataRequest as RecordDataRequest,
    RecordExit as RecordExit,
    RecordFact as RecordFact,
    RecordOpinion as RecordOpinion,
    RecordReturn as RecordReturn,
    RefuseApplication as RefuseApplication,
    RefuseRenewal as RefuseRenewal,
    RegisterHolder as RegisterHolder,
    RenewPermit as RenewPermit,
    ReopenExamination as ReopenExamination,
    ReplaceCard as ReplaceCard,
    RequestDocuments as RequestDocuments,
    RequestRenewal as RequestRenewal,
    RevokePermit as RevokePermit,
    SupplyDocuments as SupplyDocuments,
    TransferFile as TransferFile,
    UnlinkHolders as UnlinkHolders,
    UpdateHolder as UpdateHolder,
)
from permits_engine.domain.errors import (
    ConflictError as ConflictError,
    ErasedError as ErasedError,
    InputError as InputError,
    IntegrityError as IntegrityError,
    NotCompetentError as NotCompetentError,
    NotFoundError as NotFoundError,
    PermitsError as PermitsError,
    PolicyError as PolicyError,
    RuleError as RuleError,
    StoreError as StoreError,
)
from permits_engine.domain.events import Actor as Actor
from permits_engine.engine import Engine as Engine
from permits_engine.projections.holder import Person as Person
from permits_engine.projections.listing import Page as Page
from permits_engine.reader import Reader as Reader

__version__: str
__all__: list[str]
