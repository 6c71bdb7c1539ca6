"""The folded file and its parts: requests, decisions, terms, receipts, appeals, removals, absences."""

import sys
from bisect import insort
from datetime import date, datetime

import msgspec

from permits_engine.domain.permit.facts import Fact

IMPLICIT_REFUSAL = "implicitly_refused"
EXPRESS_GRANTS = frozenset({"issued", "renewed", "automatic"})
GRANTS = EXPRESS_GRANTS | {"implicitly_granted"}
REFUSALS = frozenset({"refused", "renewal_refused"})
PENDING = frozenset({"incomplete", "under_review", "suspended", IMPLICIT_REFUSAL})
BY_LAW = frozenset({"automatic", "implicitly_granted", IMPLICIT_REFUSAL})
"""Kinds of decision that the law takes by date, whether or not a pass has recorded them."""

Order = tuple[date, int]
"""A place in time: a day, and the place among what happened on it."""


def order_of(kind: str, on: date, version: int) -> Order:
    """Return the place of a decision in time.

    Silence decides when its day begins, an automatic renewal when its day ends, whenever they were recorded.
    """
    if kind == "automatic":
        return on, sys.maxsize
    return on, 0 if kind in BY_LAW else version


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

    @property
    def order(self) -> Order:
        """The place of the filing in time."""
        return self.filed_on, self.version


class Notification(msgspec.Struct):
    """The notification of a decision to the holder."""

    on: date
    regular: bool
    version: int


def regularly(notifications: list[Notification], day: date) -> date | None:
    """Return the day of the first regular notification by ``day``."""
    days = [n.on for n in notifications if n.regular and n.on <= day]
    return min(days) if days else None


class Decision(msgspec.Struct):
    """A decision on a request or on the title; ``request`` is the version of the request's event."""

    kind: str
    version: int
    on: date
    request: int | None = None
    notifications: list[Notification] = msgspec.field(default_factory=list)
    annulled_on: date | None = None

    @property
    def order(self) -> Order:
        """The place of the decision in time."""
        return order_of(self.kind, self.on, self.version)

    def notified_on(self, day: date) -> date | None:
        """Return the day of the first regular notification by ``day``."""
        return regularly(self.notifications, day)


class Term(msgspec.Struct):
    """One period of validity; both ends are inclusive.

    ``kind`` is that of the decision that granted it; a negative ``version`` means that none is recorded yet.
    """

    number: int
    valid_from: date
    valid_until: date
    granted_on: date
    version: int
    track: str
    title_kind: str
    kind: str = "issued"

    @property
    def order(self) -> Order:
        """The place of the grant in time."""
        return order_of(self.kind, self.granted_on, self.version)


class Receipt(msgspec.Struct):
    """A receipt, which replaces the title while the request is open."""

    on: date
    until: date
    request: int
    version: int
    extension: bool = False


class Appeal(msgspec.Struct):
    """An appeal; ``against`` is the version of the decision or removal, 0 for an implicit refusal not recorded.

    ``ruling`` is the version of the express answer, ``notifications`` are its own.
    """

    version: int
    body: str
    on: date
    against: int
    request: int | None = None
    decided_on: date | None = None
    outcome: str | None = None
    ruling: int | None = None
    silence_recorded: date | None = None
    notifications: list[Notification] = msgspec.field(default_factory=list)

    def notified_on(self, day: date) -> date | None:
        """Return the day of the first regular notification of the express answer by ``day``."""
        return regularly(self.notifications, day)


class Removal(msgspec.Struct):
    """An order to leave, the instant of its notification, and its outcome."""

    version: int
    on: date
    ground: str
    notified_at: datetime
    appeals: list[Appeal] = msgspec.field(default_factory=list)
    annulled_on: date | None = None
    carried_out_on: date | None = None
    title: str | None = None
    """The file whose card ended the order."""


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
    age_at_most: int | None = None
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
    set_aside: list[tuple[Decision, Term | None]] = msgspec.field(default_factory=list)
    """What a pass recorded and a fact recorded later, with an earlier date, puts in question again."""

    def prefecture(self, day: date) -> str:
        """Return the office that holds the file on a day."""
        current = self.offices[0][1]
        for since, office in self.offices:
            if since <= day:
                current = office
        return current

    def take(self, decision: Decision, term: Term | None = None) -> None:
        """Enter a decision and the term that it grants, each at its place in time."""
        insort(self.decisions, decision, key=lambda d: d.order)
        if term is not None:
            insort(self.terms, term, key=lambda t: t.order)

    def question(self, order: Order) -> None:
        """Set aside what the law did by date after a fact that only now becomes known.

        It is derived again from the facts, and keeps its event where the result is the same.
        """
        late = [d for d in self.decisions if d.kind in BY_LAW and d.order > order]
        for decision in late:
            self.decisions.remove(decision)
            term = next((t for t in self.terms if t.version == decision.version), None)
            if term is not None:
                self.terms.remove(term)
            self.set_aside.append((decision, term))

    def decision(self, version: int) -> Decision | None:
        """Return the decision taken by the event of that version."""
        return next((d for d in self.decisions if d.version == version), None)

    def is_silence(self, version: int) -> bool:
        """Return whether an appeal against that version is against a refusal by silence, recorded or not."""
        decisions = (*self.decisions, *(decision for decision, _ in self.set_aside))
        return version == 0 or any(d.version == version and d.kind == IMPLICIT_REFUSAL for d in decisions)

    def request(self, version: int | None) -> Request | None:
        """Return the request filed by the event of that version."""
        return next((r for r in self.requests if r.version == version), None)
