"""Commands about a permit file."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, ValidationInfo, field_validator

from permits_engine.commands import fields as f
from permits_engine.commands.base import Command, PermitCommand
from permits_engine.commands.fields import (
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
from permits_engine.commands.validation import reason_of


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


class SupplyDocuments(PermitCommand):
    """Documents came in."""

    documents: SomeCodes


class RequestDocuments(PermitCommand):
    """Ask for documents after filing."""

    documents: SomeCodes
    reason: Text


class ExtendDecision(PermitCommand):
    """Extend the time to decide."""

    reason: Code
    until: Day


class RecordOpinion(PermitCommand):
    """Record a commission's opinion."""

    body: Literal["local_commission", "national_commission"]
    favourable: Flag
    reasons: Text


class IssuePermit(PermitCommand):
    """Grant the first card."""

    card_number: Line | None = None
    term: Term | None = None


class RefuseApplication(PermitCommand):
    """Refuse the application."""

    reasons_in_fact: Text
    reasons_in_law: Text


class ReopenExamination(PermitCommand):
    """Examine a refused application again under rules that would now accept it."""


class RequestRenewal(PermitCommand):
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


class RenewPermit(PermitCommand):
    """Grant a further term."""

    card_number: Line | None = None
    term: Term | None = None
    exclusion: Exclusion | None = None


class RefuseRenewal(PermitCommand):
    """Refuse the renewal."""

    reasons_in_fact: Text
    reasons_in_law: Text


class RevokePermit(PermitCommand):
    """Withdraw the title."""

    ground: Code
    reasons_in_fact: Text
    reasons_in_law: Text


class NotifyDecision(PermitCommand):
    """Record that a decision was notified to the holder."""

    mode: f.Mode
    proof: Text | None = None
    decision_version: f.EventVersion | None = None


class LodgeAppeal(PermitCommand):
    """Lodge an appeal against the decision in force, or against the removal."""

    body: Body
    against: Against = "decision"
    at: Instant | None = None


class DecideAppeal(PermitCommand):
    """Decide the pending appeal against the decision, or against the removal.

    ``body`` says which where several are pending (default: the latest one that the actor may decide).
    """

    body: Body | None = None
    outcome: Literal["upheld", "dismissed", "withdrawn"]
    reasons: Text
    against: Against = "decision"
    at: Instant | None = None


class RecordExit(PermitCommand):
    """Record that the holder left the territory on that day."""


class RecordReturn(PermitCommand):
    """Record that the holder came back on that day."""


class TransferFile(PermitCommand):
    """Transfer the file to another office."""

    prefecture: Office


class ReplaceCard(PermitCommand):
    """Issue another card for the same term."""

    reason: Literal["lost", "stolen", "damaged"]
    card_number: Line | None = None


class ClosePermit(PermitCommand):
    """End the permit for good."""

    reason: Literal["naturalised", "departed", "deceased", "other_title"]


class CorrectRecord(PermitCommand):
    """Correct a field of an earlier event by appending."""

    of_version: f.EventVersion
    field: Code
    value: Any
    reason: Text

    @field_validator("value")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        """Return the value as its field's own command takes it; which event has the field is checked later."""
        if value is None or "field" not in info.data:
            return value
        field = info.data["field"]
        adapter = _adapter(field if field in _CORRECTED else None)
        try:
            return adapter.dump_python(adapter.validate_python(value), mode="json")
        except ValidationError as problem:
            [fault, *_] = problem.errors(include_url=False, include_input=False)
            raise ValueError(reason_of(dict(fault), field)) from None


class RunClock(PermitCommand):
    """Record the effects of time; given by the scheduler."""


_CORRECTED: dict[str | None, Any] = {
    "age": f.Age,
    "age_at_most": f.Age,
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
"""The types of corrected fields; under none, that of any other field."""


@cache
def _adapter(field: str | None) -> TypeAdapter[Any]:
    return TypeAdapter(_CORRECTED[field])
