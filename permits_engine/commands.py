"""What may be asked: one vocabulary for Python, JSON Lines and scenario files.

The class is ``LodgeApplication``, the name ``lodge_application``. ``on`` is the legal date (default: today).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, ValidationInfo, field_validator

from permits_engine import fields as f
from permits_engine.command import Command, _OnPermit
from permits_engine.domain.errors import InputError
from permits_engine.fields import (
    Against,
    Body,
    Code,
    Codes,
    Day,
    Flag,
    Identity,
    Instant,
    Line,
    Office,
    Sex,
    SomeCodes,
    Term,
    Text,
    Version,
)
from permits_engine.persons import LinkHolders, RegisterHolder, UnlinkHolders, UpdateHolder
from permits_engine.plain_words import reason_of, refusal, suggestion
from permits_engine.protecting import (
    AnnulRemoval,
    CarryOutRemoval,
    LiftEntryBan,
    OrderEntryBan,
    OrderRemoval,
    RecordFact,
)


class EraseHolder(Command):
    """Destroy a person's key, so that nothing personal about them can be read any more."""

    holder_id: Identity
    reason: Line
    archive_agreement: Line | None = None


class RecordDataRequest(Command):
    """A person asks for a right over their data; its answer is due in the time that the law gives."""

    holder_id: Identity
    right: Literal["access", "rectification", "erasure", "opposition"]


class AnswerDataRequest(Command):
    """A person's request about their data was answered."""

    holder_id: Identity
    of_version: f.EventVersion
    outcome: Literal["granted", "refused"]
    reason: Text | None = None


class PlaceHold(Command):
    """A duty to keep a person's data, by its norm; while it lasts they are not erased."""

    holder_id: Identity
    norm: Line
    until: Day | None = None
    reason: Text | None = None


class LiftHold(Command):
    """A duty to keep a person's data ended."""

    holder_id: Identity
    of_version: f.EventVersion
    reason: Text | None = None


class LodgeApplication(Command):
    """File a first application; gives the ``permit_id``."""

    permit_id: Identity | None = None
    holder_id: Identity
    jurisdiction: f.Country
    category: Code
    criterion: Code | None = None
    prefecture: Office
    file_number: Line | None = None
    missing: Codes = ()


class SupplyDocuments(_OnPermit):
    """Documents came in."""

    documents: SomeCodes


class RequestDocuments(_OnPermit):
    """Ask for documents after filing."""

    documents: SomeCodes
    reason: Text


class ExtendDecision(_OnPermit):
    """Extend the time to decide."""

    reason: Code
    until: Day


class RecordOpinion(_OnPermit):
    """Record a commission's opinion."""

    body: Literal["local_commission", "national_commission"]
    favourable: Flag
    reasons: Text


class IssuePermit(_OnPermit):
    """Grant the first card."""

    card_number: Line | None = None
    term: Term | None = None


class RefuseApplication(_OnPermit):
    """Refuse the application."""

    reasons_in_fact: Text
    reasons_in_law: Text


class ReopenExamination(_OnPermit):
    """Examine a refused application again under rules that would now accept it."""


class RequestRenewal(_OnPermit):
    """Ask for a renewal."""

    missing: Codes = ()


class Exclusion(BaseModel):
    """Why a renewed term is shorter than the policy's."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    fact: Text
    reasons_in_fact: Text
    reasons_in_law: Text

    def __repr__(self) -> str:
        return "<Exclusion>"  # free text stays out of logs

    __str__ = __repr__


class RenewPermit(_OnPermit):
    """Grant a further term."""

    card_number: Line | None = None
    term: Term | None = None
    exclusion: Exclusion | None = None


class RefuseRenewal(_OnPermit):
    """Refuse the renewal."""

    reasons_in_fact: Text
    reasons_in_law: Text


class RevokePermit(_OnPermit):
    """Withdraw the title."""

    ground: Code
    reasons_in_fact: Text
    reasons_in_law: Text


class NotifyDecision(_OnPermit):
    """Bring a decision to the holder's knowledge."""

    mode: f.Mode
    proof: Text | None = None
    decision_version: f.EventVersion | None = None


class LodgeAppeal(_OnPermit):
    """Lodge an appeal against the decision that stands, or against the removal."""

    body: Body
    against: Against = "decision"
    at: Instant | None = None


class DecideAppeal(_OnPermit):
    """Decide the pending appeal against the decision, or against the removal."""

    outcome: Literal["upheld", "dismissed", "withdrawn"]
    reasons: Text
    against: Against = "decision"
    at: Instant | None = None


class RecordExit(_OnPermit):
    """The holder left the territory on that day."""


class RecordReturn(_OnPermit):
    """The holder came back on that day."""


class TransferFile(_OnPermit):
    """Hand the file to another office."""

    prefecture: Office


class ReplaceCard(_OnPermit):
    """Make another card for the same term."""

    reason: Literal["lost", "stolen", "damaged"]
    card_number: Line | None = None


class ClosePermit(_OnPermit):
    """End the permit for good."""

    reason: Literal["naturalised", "departed", "deceased", "other_title"]


class CorrectRecord(_OnPermit):
    """Correct a field of an earlier event by appending."""

    of_version: f.EventVersion
    field: Code
    value: Any
    reason: Text

    @field_validator("value")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        """The value as its field's own command would take it; which event has the field is checked later."""
        if value is None or "field" not in info.data:
            return value
        field = info.data["field"]
        adapter = _adapter(field if field in _CORRECTED else None)
        try:
            return adapter.dump_python(adapter.validate_python(value), mode="json")
        except ValidationError as problem:
            [fault, *_] = problem.errors(include_url=False, include_input=False)
            raise ValueError(reason_of(dict(fault), field)) from None


class RunClock(_OnPermit):
    """Record what time alone has brought about; given by the scheduler."""


_CORRECTED: dict[str | None, Any] = {
    "age": f.Age,
    "card_number": Line,
    "criterion": Code,
    "documents": SomeCodes,
    "effective_on": Day,
    "favourable": Flag,
    "file_number": Line,
    "missing": Codes,
    "mode": f.Mode,
    "nationality": f.Nationality,
    "sex": Sex,
    "until": Day,
    "valid_from": Day,
    "valid_until": Day,
    None: Text | Flag | Version | Codes,
}
"""What a corrected field may hold; under none, what any other field may."""


@cache
def _adapter(field: str | None) -> TypeAdapter[Any]:
    return TypeAdapter(_CORRECTED[field])


def _concrete(kind: type[Command]) -> list[type[Command]]:
    below = [each for child in kind.__subclasses__() for each in _concrete(child)]
    return [*([] if kind.__name__.startswith("_") or kind is Command else [kind]), *below]


COMMANDS: dict[str, type[Command]] = {kind.name: kind for kind in _concrete(Command)}
"""Every command by its name."""

PUBLIC: tuple[str, ...] = tuple(sorted(name for name in COMMANDS if name != "run_clock"))


def parse(name: object, fields: Mapping[str, Any]) -> Command:
    """A command from its name and plain fields; raises ``input.invalid``."""
    if name is None:
        raise _unknown(f"is missing; there is: {', '.join(PUBLIC)}")
    kind = COMMANDS.get(name) if isinstance(name, str) and name in PUBLIC else None
    if kind is None:
        said = name[:60] if isinstance(name, str) else type(name).__name__
        raise _unknown(f"{said!r} is not a command{suggestion(said, PUBLIC)}")
    if not all(isinstance(key, str) for key in fields):
        raise _unknown("has a field whose name is not text")
    return kind(**fields)


def _unknown(reason: str) -> InputError:
    return refusal([{"path": "command", "reason": reason}])


__all__ = [
    "COMMANDS",
    "PUBLIC",
    "AnnulRemoval",
    "AnswerDataRequest",
    "CarryOutRemoval",
    "ClosePermit",
    "Command",
    "CorrectRecord",
    "DecideAppeal",
    "EraseHolder",
    "Exclusion",
    "ExtendDecision",
    "IssuePermit",
    "LiftEntryBan",
    "LiftHold",
    "LinkHolders",
    "LodgeAppeal",
    "LodgeApplication",
    "NotifyDecision",
    "OrderEntryBan",
    "OrderRemoval",
    "PlaceHold",
    "RecordDataRequest",
    "RecordExit",
    "RecordFact",
    "RecordOpinion",
    "RecordReturn",
    "RefuseApplication",
    "RefuseRenewal",
    "RegisterHolder",
    "RenewPermit",
    "ReplaceCard",
    "RequestDocuments",
    "RequestRenewal",
    "RevokePermit",
    "RunClock",
    "SupplyDocuments",
    "TransferFile",
    "UnlinkHolders",
    "UpdateHolder",
    "parse",
]
