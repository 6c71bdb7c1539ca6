"""Events of a permit file: requests, decisions, terms, appeals and records."""

from datetime import date, datetime
from typing import Any

from permits_engine.domain.events.base import Event


class ApplicationLodged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A first application was filed; coarse attributes of the holder are kept in clear for decisions and statistics.

    ``age`` is the least that it can have been on the day, and ``age_at_most`` the greatest, where the birth date is
    known in part only.
    """

    NAME = "permit.application_lodged"
    ENCRYPTED = frozenset({"file_number"})
    CORRECTABLE = frozenset(
        {"effective_on", "criterion", "missing", "file_number", "nationality", "sex", "age", "age_at_most"}
    )
    holder_id: str
    jurisdiction: str
    category: str
    prefecture: str
    title_kind: str = "registration_card"
    criterion: str | None = None
    missing: tuple[str, ...] = ()
    nationality: str | None = None
    sex: str | None = None
    age: int | None = None
    age_at_most: int | None = None
    file_number: str | None = None


class ReceiptIssued(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A receipt (récépissé) was given for the latest request (law 02-03, article 8)."""

    NAME = "permit.receipt_issued"
    CORRECTABLE = frozenset({"until"})
    until: date


class ReceiptExtended(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The receipt was extended from its end."""

    NAME = "permit.receipt_extended"
    until: date


class DocumentsRequested(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The office asked for documents after filing."""

    NAME = "permit.documents_requested"
    ENCRYPTED = frozenset({"reason"})
    CORRECTABLE = frozenset({"effective_on", "documents"})
    documents: tuple[str, ...]
    reason: str | None = None


class DocumentsSupplied(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The holder supplied documents."""

    NAME = "permit.documents_supplied"
    CORRECTABLE = frozenset({"effective_on", "documents"})
    documents: tuple[str, ...]


class ApplicationReturned(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The incomplete application was returned at the end of its time (law 55-19, article 10)."""

    NAME = "permit.application_returned"
    request: int


class DecisionExtended(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The time to decide was extended for an expertise or an inquiry (law 55-19, article 17)."""

    NAME = "permit.decision_extended"
    CORRECTABLE = frozenset({"until"})
    reason: str
    until: date


class OpinionRecorded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A commission gave its opinion."""

    NAME = "permit.opinion_recorded"
    ENCRYPTED = frozenset({"reasons"})
    CORRECTABLE = frozenset({"effective_on", "favourable", "reasons"})
    body: str
    favourable: bool
    reasons: str | None = None


class Issued(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A first card was granted.

    ``ground`` is the fact that gave the right to it, ``relaxed`` the relaxations that covered the holder,
    ``asks`` the facts not established, ``beside`` the kinds of title then in force, ``departs_from`` the rule
    that gives more or another title.
    """

    NAME = "permit.issued"
    ENCRYPTED = frozenset({"card_number"})
    CORRECTABLE = frozenset({"card_number", "valid_from", "valid_until"})
    term_number: int
    valid_from: date
    valid_until: date
    term: str
    title_kind: str = "registration_card"
    ground: str | None = None
    relaxed: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    departs_from: str | None = None
    card_number: str | None = None


class Refused(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The application was refused.

    ``departs_from`` is the rule by which it should have been granted, ``relaxed`` the relaxations that covered
    the holder, ``asks`` the facts not established.
    """

    NAME = "permit.refused"
    ENCRYPTED = frozenset({"reasons_in_fact", "reasons_in_law"})
    request: int
    relaxed: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    departs_from: str | None = None
    reasons_in_fact: str | None = None
    reasons_in_law: str | None = None


class ImplicitlyRefused(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Silence became a refusal (law 41-90, article 23)."""

    NAME = "permit.implicitly_refused"
    request: int


class ImplicitlyGranted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Silence became an acceptance, where the law says so."""

    NAME = "permit.implicitly_granted"
    request: int
    term_number: int
    valid_from: date
    valid_until: date
    term: str
    title_kind: str = "registration_card"


class ExaminationReopened(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A refused application is examined again because the rules widened; the refusal is not annulled."""

    NAME = "permit.examination_reopened"
    request: int
    decision_version: int


class RenewalRequested(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A renewal was requested; ``track`` and ``timely`` are those of the day of filing."""

    NAME = "permit.renewal_requested"
    CORRECTABLE = frozenset({"effective_on", "missing"})
    missing: tuple[str, ...] = ()
    track: str = "standard"
    timely: bool = True


class Renewed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A further term was granted; ``excluded``: shorter than the policy's, with recorded reasons.

    ``departs_from`` is the rule of law whose term it falls short of without such reasons.
    """

    NAME = "permit.renewed"
    ENCRYPTED = frozenset({"card_number", "exclusion"})
    CORRECTABLE = frozenset({"card_number", "valid_from", "valid_until"})
    term_number: int
    valid_from: date
    valid_until: date
    term: str
    track: str = "standard"
    request: int | None = None
    excluded: bool = False
    departs_from: str | None = None
    card_number: str | None = None
    exclusion: dict[str, str] | None = None


class RenewalRefused(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The renewal was refused."""

    NAME = "permit.renewal_refused"
    ENCRYPTED = frozenset({"reasons_in_fact", "reasons_in_law"})
    request: int
    reasons_in_fact: str | None = None
    reasons_in_law: str | None = None


class Revoked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The title was withdrawn (law 02-03, article 19)."""

    NAME = "permit.revoked"
    ENCRYPTED = frozenset({"reasons_in_fact", "reasons_in_law"})
    ground: str
    reasons_in_fact: str | None = None
    reasons_in_law: str | None = None


class Reinstated(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A revoked title was restored in full; takes effect from the annulled revocation."""

    NAME = "permit.reinstated"
    decision_version: int


class DecisionNotified(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The holder was notified of a decision; only a regular notification starts periods."""

    NAME = "permit.decision_notified"
    ENCRYPTED = frozenset({"proof"})
    CORRECTABLE = frozenset({"effective_on", "mode", "proof"})
    decision_version: int
    mode: str
    regular: bool
    proven: bool = False
    proof: str | None = None


class Appealed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An appeal was lodged against a decision or a removal; ``at`` is the instant, where hours count.

    ``decision_version`` 0 is an implicit refusal not yet recorded.
    """

    NAME = "permit.appealed"
    CORRECTABLE = frozenset({"effective_on"})
    body: str
    decision_version: int
    against: str = "decision"
    at: datetime | None = None


class AppealDecided(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An appeal was decided; if upheld, it takes effect from the decision that it annuls.

    ``appeal_version`` is the event of the appeal, none in records that do not name it. ``by_silence``: no answer came
    in time, which is a rejection (law 41-90, article 23). ``relaxed`` names the relaxations that covered the holder,
    ``departs_from`` their rule if dismissed all the same.
    """

    NAME = "permit.appeal_decided"
    ENCRYPTED = frozenset({"reasons"})
    body: str
    outcome: str
    decision_version: int
    against: str = "decision"
    at: datetime | None = None
    relaxed: tuple[str, ...] = ()
    departs_from: str | None = None
    by_silence: bool = False
    appeal_version: int | None = None
    reasons: str | None = None


class Lapsed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The renewal window closed without a request."""

    NAME = "permit.lapsed"
    term_number: int


class ExitRecorded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The holder left the country."""

    NAME = "permit.exit_recorded"
    CORRECTABLE = frozenset({"effective_on"})


class ReturnRecorded(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The holder came back."""

    NAME = "permit.return_recorded"
    CORRECTABLE = frozenset({"effective_on"})


class LostByAbsence(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An absence longer than allowed ended the title (decree 2-09-607, article 19)."""

    NAME = "permit.lost_by_absence"
    exit_version: int


class Transferred(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The file was transferred to another office."""

    NAME = "permit.transferred"
    CORRECTABLE = frozenset({"effective_on"})
    prefecture: str


class CardReplaced(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A new card was issued for the same term."""

    NAME = "permit.card_replaced"
    ENCRYPTED = frozenset({"card_number"})
    CORRECTABLE = frozenset({"card_number"})
    reason: str
    card_number: str | None = None


class Closed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The permit ended for good."""

    NAME = "permit.closed"
    CORRECTABLE = frozenset({"effective_on", "reason"})
    reason: str


class Corrected(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A field of an earlier event was corrected; takes effect from the fact that it corrects.

    ``value`` is the right value of a clear field, ``sealed_value`` that of an encrypted one.
    """

    NAME = "permit.corrected"
    ENCRYPTED = frozenset({"sealed_value", "reason"})
    of_version: int
    field: str
    value: Any = None
    sealed_value: Any = None
    reason: str | None = None
