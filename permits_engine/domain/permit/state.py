"""The folded file and its parts: requests, decisions, terms, receipts, appeals, removals, absences."""

from datetime import date, datetime

import msgspec

from permits_engine.domain.permit.facts import Fact

IMPLICIT_REFUSAL = "implicitly_refused"
EXPRESS_GRANTS = frozenset({"issued", "renewed", "automatic"})
GRANTS = EXPRESS_GRANTS | {"implicitly_granted"}
REFUSALS = frozenset({"refused", "renewal_refused"})
PENDING = frozenset({"incomplete", "under_review", "suspended", IMPLICIT_REFUSAL})


class Supply(msgspec.Struct):
    """Documents supplied on a day."""

    on: date
    documents: frozenset[str]


class Ask(msgspec.Struct):
    """Documents requested by the office after filing."""

    on: date
    documents: frozenset[str]
    version: int


class Opinion(msgspec.Struct):
    """The opinion of a commission."""

    on: date
    body: str
    favourable: bool
    version: int


class Request(msgspec.Struct):
    """An application or a request to renew (``kind``: application, renewal)."""

    kind: str
    version: int
    filed_on: date
    missing: frozenset[str]
    track: str = "standard"
    supplies: list[Supply] = msgspec.field(default_factory=list)
    asks: list[Ask] = msgspec.field(default_factory=list)
    opinions: list[Opinion] = msgspec.field(default_factory=list)
    extended: tuple[date, date] | None = None
    returned_on: date | None = None
    reopened_on: date | None = None
    reexamined_on: date | None = None


class Notification(msgspec.Struct):
    """The notification of a decision to the holder."""

    on: date
    regular: bool
    version: int


class Decision(msgspec.Struct):
    """A decision on a request or on the title; ``request`` is the version of the request's event."""

    kind: str
    version: int
    on: date
    request: int | None = None
    notifications: list[Notification] = msgspec.field(default_factory=list)
    annulled_on: date | None = None

    def notified_on(self, day: date) -> date | None:
        """Return the day of the first regular notification by ``day``."""
        days = [n.on for n in self.notifications if n.regular and n.on <= day]
        return min(days) if days else None


class Term(msgspec.Struct):
    """One period of validity; both ends are inclusive."""

    number: int
    valid_from: date
    valid_until: date
    granted_on: date
    version: int
    track: str
    title_kind: str


class Receipt(msgspec.Struct):
    """A receipt, which replaces the title while the request is open."""

    on: date
    until: date
    request: int
    version: int
    extension: bool = False


class Appeal(msgspec.Struct):
    """An appeal; ``against`` is the version of the decision or removal, 0 for an implicit refusal not recorded."""

    version: int
    body: str
    on: date
    against: int
    request: int | None = None
    decided_on: date | None = None
    outcome: str | None = None


class Removal(msgspec.Struct):
    """An order to leave, the instant of its notification, and its outcome."""

    version: int
    on: date
    ground: str
    notified_at: datetime
    appeals: list[Appeal] = msgspec.field(default_factory=list)
    annulled_on: date | None = None
    carried_out_on: date | None = None


class EntryBan(msgspec.Struct):
    """A ban on returning: the removal that it belongs to, and its last day."""

    version: int
    on: date
    until: date
    order_version: int
    lifted_on: date | None = None


class Dependent(msgspec.Struct):
    """A file whose title depends on this one's, and the tie."""

    permit_id: str
    kind: str
    since: date
    until: date | None = None


class PrincipalEnd(msgspec.Struct):
    """The end of the title on which this one depends; ``restored``: it was undone."""

    principal: str
    how: str
    on: date
    version: int
    restored: bool = False


class Absence(msgspec.Struct):
    """An exit and, once known, the return."""

    out: date
    version: int
    back: date | None = None


class Permit(msgspec.Struct):
    """The folded file."""

    permit_id: str
    holder_id: str
    jurisdiction: str
    category: str
    criterion: str | None
    title_kind: str
    nationality: str | None
    sex: str | None
    age: int | None
    version: int = 0
    offices: list[tuple[date, str]] = msgspec.field(default_factory=list)
    requests: list[Request] = msgspec.field(default_factory=list)
    decisions: list[Decision] = msgspec.field(default_factory=list)
    terms: list[Term] = msgspec.field(default_factory=list)
    receipts: list[Receipt] = msgspec.field(default_factory=list)
    appeals: list[Appeal] = msgspec.field(default_factory=list)
    absences: list[Absence] = msgspec.field(default_factory=list)
    lapses: list[tuple[date, int, int]] = msgspec.field(default_factory=list)
    losses: list[date] = msgspec.field(default_factory=list)
    facts: list[Fact] = msgspec.field(default_factory=list)
    removals: list[Removal] = msgspec.field(default_factory=list)
    bans: list[EntryBan] = msgspec.field(default_factory=list)
    dependents: list[Dependent] = msgspec.field(default_factory=list)
    principals: list[PrincipalEnd] = msgspec.field(default_factory=list)
    closed: tuple[date, str] | None = None
    names: list[tuple[str, date]] = msgspec.field(default_factory=list)

    def prefecture(self, day: date) -> str:
        """Return the office that holds the file on a day."""
        current = self.offices[0][1]
        for since, office in self.offices:
            if since <= day:
                current = office
        return current

    def decision(self, version: int) -> Decision | None:
        """Return the decision taken by the event of that version."""
        return next((d for d in self.decisions if d.version == version), None)

    def request(self, version: int | None) -> Request | None:
        """Return the request filed by the event of that version."""
        return next((r for r in self.requests if r.version == version), None)
