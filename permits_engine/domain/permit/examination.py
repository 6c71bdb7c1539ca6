"""The examination of a request on one date: completeness, suspension, the time to decide, silence."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Self

from permits_engine.domain.cached import cached_property
from permits_engine.domain.calendars import Count, Reading
from permits_engine.domain.periods import ONE_DAY
from permits_engine.domain.permit.facts import Fact, latest
from permits_engine.domain.permit.readings import bounds
from permits_engine.domain.permit.state import (
    EXPRESS_GRANTS,
    IMPLICIT_REFUSAL,
    PENDING,
    REFUSALS,
    Decision,
    Opinion,
    Permit,
    Request,
)
from permits_engine.domain.phrases import Phrase
from permits_engine.domain.rules.policy import Rules, count_of


class Examination:
    """The requests of a permit on a date; each property is computed once, when first read."""

    def __init__(
        self,
        permit: Permit,
        day: date,
        rules: Rules,
        facts: tuple[Fact, ...] | None = None,
        others: Iterable[Permit] = (),
    ) -> None:
        self.permit = permit
        self.day = day
        self.rules = rules
        self.others = others
        self._facts = facts

    def read(self, reading: Reading) -> Self:
        """Return the same file by one reading of what is not certain."""
        return type(self)(self.permit, self.day, self.rules.read(reading), self._facts, self.others)

    def earliest(self, ask: Callable[[Self], date | None]) -> date | None:
        """Return the first day that a last day may turn out to be: what is promised to the holder."""
        found = ask(self)
        uncertain = bounds(self, ask)
        return found if uncertain is None else uncertain.earliest

    def latest(self, ask: Callable[[Self], date | None]) -> date | None:
        """Return the last day that a last day may turn out to be: what is held against the holder waits for it."""
        found = ask(self)
        uncertain = bounds(self, ask)
        return found if uncertain is None else uncertain.latest

    @cached_property
    def closure(self) -> tuple[date, str] | None:
        """The day and reason of the file's closure, where it is closed by the day."""
        closed = self.permit.closed
        return closed if closed is not None and closed[0] <= self.day else None

    @cached_property
    def request(self) -> Request | None:
        """The latest request filed by the day."""
        return next((r for r in reversed(self.permit.requests) if r.filed_on <= self.day), None)

    def scope(self, of: Request | None = None, /, **more: str) -> dict[str, str]:
        """Return the circumstances that select among rules, for the request ``of`` (default: the latest)."""
        if not more and (of is None or of is self.request):
            return self._scope
        request = of or self.request
        return self._scope_of(request.kind if request else "application", more)

    @cached_property
    def _scope(self) -> dict[str, str]:
        return self._scope_of(self.request.kind if self.request else "application")

    @cached_property
    def renewal_scope(self) -> dict[str, str]:
        """The circumstances of a request to renew, whether or not one was filed."""
        return self._scope_of("renewal")

    def _scope_of(self, stage: str, more: dict[str, str] | None = None) -> dict[str, str]:
        return self.rules.policy.scope(self.permit.category, self.permit.title_kind, stage, more)

    def last_day(
        self, parameter: str, start: date, words: list[str] | None = None, of: Request | None = None
    ) -> date | None:
        """Return the last day of the period that a parameter sets from ``start``, where it sets one."""
        limit = self.rules.get(parameter, start, self.scope(of))
        return None if limit is None else self.rules.due(start, count_of(limit), words=words)

    @property
    def given_facts(self) -> tuple[Fact, ...] | None:
        """The facts passed in; none where only the file's own count."""
        return self._facts

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """The facts known about the holder: passed in, or recorded through this file."""
        return latest(self.permit.facts if self._facts is None else self._facts)

    def valid_decisions(self, request: Request | None = None) -> list[Decision]:
        """Return the decisions taken by the day and never annulled, on a request or on all."""
        if request is None:
            return self._valid
        again = self._reexamined(request) or date.min
        return [d for d in self._valid if d.request == request.version and d.on >= again]

    @cached_property
    def _valid(self) -> list[Decision]:
        return [d for d in self.permit.decisions if d.on <= self.day and d.annulled_on is None]

    def _reexamined(self, request: Request) -> date | None:
        """Return the day from which a request is examined anew: its examination reopened, or a removal annulled."""
        again = request.reexamined_on
        return again if again is not None and again <= self.day else None

    @cached_property
    def outcome(self) -> Decision | None:
        """The last decision on the latest request, unless annulled."""
        decisions = self.valid_decisions(self.request) if self.request is not None else None
        return decisions[-1] if decisions else None

    @cached_property
    def revocation(self) -> Decision | None:
        """The revocation in force on the day."""
        return next((d for d in self.valid_decisions() if d.kind == "revoked"), None)

    @cached_property
    def opinion(self) -> Opinion | None:
        """The latest opinion of the local commission on the latest request."""
        if self.request is None:
            return None
        given = [o for o in self.request.opinions if o.on <= self.day and o.body == "local_commission"]
        return max(given, key=lambda o: (o.on, o.version)) if given else None

    def outstanding(self, request: Request) -> frozenset[str]:
        """Return the documents named missing on filing that had not been supplied by the day."""
        return request.missing.difference(*(x.documents for x in request.supplies if x.on <= self.day))

    def complete_on(self, request: Request) -> date | None:
        """Return the day on which the file became complete, if by the day."""
        if not request.missing:
            return request.filed_on
        on = _supplied_on(request, request.missing)
        return on if on is not None and on <= self.day else None

    def completion_due(self, request: Request, words: list[str] | None = None) -> date | None:
        """Return the last day to complete an incomplete file (law 55-19, article 10), where there is one."""
        return self.last_day("documents.completion", request.filed_on, words, request)

    def returned_on(self, request: Request) -> date | None:
        """Return the day on which an incomplete file counts as returned."""
        if not request.missing:
            return None
        complete = self.complete_on(request)
        recorded = request.returned_on
        if recorded is not None and recorded <= self.day and (complete is None or complete >= recorded):
            return recorded
        if complete is None:
            due = self.latest(lambda s: s.completion_due(request))
            if due is not None and self.day > due:
                return due + ONE_DAY
        return None

    def ask_answered_on(self, request: Request, number: int) -> date | None:
        """Return the day by which everything asked for in that request for documents had been supplied."""
        ask = request.asks[number]
        return _supplied_on(request, ask.documents, ask.on)

    def answer_due(self, request: Request, number: int, words: list[str] | None = None) -> date | None:
        """Return the last day to answer a request for documents, where there is one."""
        return self.last_day("documents.answer", request.asks[number].on, words, request)

    @cached_property
    def suspended_by(self) -> int | None:
        """The number of the request for documents that suspends the time to decide, if one does."""
        request = self.request
        if request is None:
            return None
        for number, ask in enumerate(request.asks):
            if ask.on > self.day:
                continue
            answered = self.ask_answered_on(request, number)
            if answered is not None and answered <= self.day:
                continue
            due = self.latest(lambda s, number=number: s.answer_due(request, number))  # type: ignore[misc]
            if due is None or self.day <= due:
                return number
        return None

    def suspended_days(self, request: Request) -> int:
        """Return the days that do not count: from each request for documents to the day before its answer.

        A request that is open again has its time anew, and what was asked for before counts no more.
        """
        total, again = 0, self._again(request) or date.min
        for number, ask in enumerate(request.asks):
            if not again <= ask.on <= self.day:
                continue
            end = self.ask_answered_on(request, number)
            due = self.answer_due(request, number)
            if due is not None and (end is None or end > due):
                end = due + ONE_DAY
            end = self.day if end is None or end > self.day else end
            total += max(0, (end - ask.on).days)
        return total

    def period_start(self, request: Request) -> date | None:
        """Return the day from which the time to decide runs."""
        anchor = self.rules.get("decision.anchor", request.filed_on, self.scope(request))
        start = request.filed_on if anchor == "filing" else self.complete_on(request)
        again = self._again(request)
        return max(start, again) if start is not None and again is not None else start

    def _again(self, request: Request) -> date | None:
        """Return the day on which a decided request was opened again, by an appeal or an annulled removal."""
        days = [day for day in (request.reopened_on, self._reexamined(request)) if day is not None]
        return max(days) if days else None

    def decision_limit(self, request: Request) -> Count | None:
        """Return the time to decide, where the law sets one."""
        limit = self.rules.get("decision.limit", request.filed_on, self.scope(request))
        return None if limit is None else count_of(limit)

    def decision_due(self, request: Request, words: list[str] | None = None) -> date | None:
        """Return the last day to decide the request, where the law sets one and the period has started."""
        limit = self.decision_limit(request)
        start = self.period_start(request) if limit is not None else None
        if limit is None or start is None:
            return None
        again = self._again(request)
        reopened = again is not None and again >= start
        if request.extended is not None and request.extended[0] <= self.day and not reopened:
            on, until = request.extended
            if words is not None:
                words.append(Phrase("start", day=start))
                words.append(Phrase("extended", on=on, until=until))
            return until
        return self.rules.due(start, limit, extra=self.suspended_days(request), words=words)

    @cached_property
    def implicit_on(self) -> date | None:
        """The day on which silence became a refusal of the latest request, if it has."""
        request = self.request
        if request is None:
            return None
        last = self.outcome
        if last is not None and last.kind != IMPLICIT_REFUSAL and not self._too_late(last, request):
            return None  # an express decision replaces the silence, whether or not that was recorded
        recorded = next((d.on for d in self.valid_decisions(request) if d.kind == IMPLICIT_REFUSAL), None)
        if recorded is not None:
            return recorded
        if self.returned_on(request) is not None or self.suspended_by is not None:
            return None
        if self.rules.get("decision.silence", request.filed_on, self.scope(request)) != "refusal":
            return None
        due = self.latest(lambda s: s.decision_due(request))
        return due + ONE_DAY if due is not None and self.day > due else None

    def _too_late(self, decision: Decision, request: Request) -> bool:
        """Return whether a refusal missed the time to decide, as it was not notified in it where the law asks that."""
        if decision.kind not in REFUSALS or decision.notified_on(self.day) is not None:
            return False
        if self.rules.get("decision.ends_with", request.filed_on, self.scope(request)) != "notification":
            return False
        due = self.decision_due(request)
        return due is not None and self.day > due

    @cached_property
    def application_status(self) -> str:
        """The status of the latest request."""
        request = self.request
        if request is None:
            return "none"
        if self.outcome is not None and self.outcome.kind != IMPLICIT_REFUSAL and self.implicit_on is None:
            kind = self.outcome.kind
            return "granted" if kind in EXPRESS_GRANTS else "refused" if kind in REFUSALS else kind
        if self.returned_on(request) is not None:
            return "returned"
        if self.implicit_on is not None:
            return IMPLICIT_REFUSAL
        if self.complete_on(request) is None:
            return "incomplete"
        return "suspended" if self.suspended_by is not None else "under_review"

    @property
    def pending(self) -> bool:
        """Whether the latest request still waits for an express decision."""
        return self.application_status in PENDING


def _supplied_on(request: Request, wanted: frozenset[str], since: date = date.min) -> date | None:
    """Return the day on which all the documents wanted had been supplied, counting from ``since``."""
    for supply in sorted(request.supplies, key=lambda s: s.on):
        if supply.on >= since:
            wanted = wanted - supply.documents
            if not wanted:
                return supply.on
    return None
