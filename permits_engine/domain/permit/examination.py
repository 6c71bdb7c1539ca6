"""The examination of a request on one date: completeness, suspension, the time to decide, silence."""

from __future__ import annotations

from datetime import date, timedelta

from permits_engine.domain.cached import cached_property
from permits_engine.domain.calendars import Count, unrolled
from permits_engine.domain.periods import ONE_DAY
from permits_engine.domain.permit.facts import Fact, latest
from permits_engine.domain.permit.fold import Appeal, Decision, Opinion, Permit, Request
from permits_engine.domain.phrases import Phrase
from permits_engine.domain.rules.policy import Rules, count_of

GRANTS = frozenset({"issued", "renewed", "implicitly_granted", "automatic"})
REFUSALS = frozenset({"refused", "renewal_refused"})
IMPLICIT_REFUSAL = "implicitly_refused"


class Examination:
    """The requests of a permit on a date; every property is computed once and only when asked."""

    def __init__(
        self, permit: Permit, day: date, rules: Rules, facts: tuple[Fact, ...] | None = None
    ) -> None:
        self.permit = permit
        self.day = day
        self.rules = rules
        self._facts = facts

    @cached_property
    def closure(self) -> tuple[date, str] | None:
        """The day and reason of the file's closure, where it is closed by the day."""
        closed = self.permit.closed
        return closed if closed is not None and closed[0] <= self.day else None

    # --- requests and decisions ---------------------------------------------------------------------------

    @cached_property
    def request(self) -> Request | None:
        """The open or latest request filed by the day."""
        return next((r for r in reversed(self.permit.requests) if r.filed_on <= self.day), None)

    def scope(self, of: Request | None = None, /, **more: str) -> dict[str, str]:
        """The circumstances that select among rules; ``of`` is the request meant (default: the latest)."""
        if not more and (of is None or of is self.request):
            return self._own_scope
        request, permit = of or self.request, self.permit
        stage = request.kind if request else "application"
        return self.rules.policy.scope(permit.category, permit.title_kind, stage, more)

    @cached_property
    def _own_scope(self) -> dict[str, str]:
        request, permit = self.request, self.permit
        stage = request.kind if request else "application"
        return self.rules.policy.scope(permit.category, permit.title_kind, stage)

    @cached_property
    def renewal_scope(self) -> dict[str, str]:
        """The circumstances of a request to renew, whether or not one was filed."""
        return self.rules.policy.scope(self.permit.category, self.permit.title_kind, "renewal")

    @property
    def given_facts(self) -> tuple[Fact, ...] | None:
        """The facts that were given with the file; none where only its own count."""
        return self._facts

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """What is known about the holder: given, or as recorded through this file."""
        return latest(self.permit.facts if self._facts is None else self._facts)

    def standing_decisions(self, request: Request | None = None) -> list[Decision]:
        """Decisions taken by the day and not annulled since, on a request or on all."""
        if request is None:
            return self._standing
        again = self._reexamined(request)
        return [
            d for d in self._standing if d.request == request.version and (again is None or d.on >= again)
        ]

    @cached_property
    def _standing(self) -> list[Decision]:
        return [d for d in self.permit.decisions if d.on <= self.day and d.annulled_on is None]

    def _reexamined(self, request: Request) -> date | None:
        """The day from which a request is examined again because a removal was annulled."""
        again = request.reexamined_on
        return again if again is not None and again <= self.day else None

    @cached_property
    def outcome(self) -> Decision | None:
        """The last standing decision on the latest request."""
        request = self.request
        if request is None:
            return None
        decisions = self.standing_decisions(request)
        return decisions[-1] if decisions else None

    @cached_property
    def revocation(self) -> Decision | None:
        """The revocation in force on the day."""
        return next((d for d in self.standing_decisions() if d.kind == "revoked"), None)

    @cached_property
    def appeal(self) -> Appeal | None:
        """The latest appeal lodged by the day."""
        return next((a for a in reversed(self.permit.appeals) if a.on <= self.day), None)

    @cached_property
    def pending_appeal(self) -> Appeal | None:
        """The appeal that is undecided on the day."""
        appeal = self.appeal
        if appeal is None or (appeal.decided_on is not None and appeal.decided_on <= self.day):
            return None
        return appeal

    @cached_property
    def opinion(self) -> Opinion | None:
        """The latest opinion of the local commission on the latest request."""
        if self.request is None:
            return None
        given = [o for o in self.request.opinions if o.on <= self.day and o.body == "local_commission"]
        return max(given, key=lambda o: (o.on, o.version)) if given else None

    # --- completeness, suspension, the time to decide -----------------------------------------------------

    def outstanding(self, request: Request, day: date | None = None) -> frozenset[str]:
        """The documents named missing on filing that had not come in by the day."""
        day = day or self.day
        missing = request.missing
        for supply in request.supplies:
            if supply.on <= day:
                missing = missing - supply.documents
        return missing

    def complete_on(self, request: Request) -> date | None:
        """The day on which the file became complete, if it had by the day asked about."""
        if not request.missing:
            return request.filed_on
        missing = request.missing
        for supply in sorted(request.supplies, key=lambda s: s.on):
            missing = missing - supply.documents
            if not missing:
                return supply.on if supply.on <= self.day else None
        return None

    def completion_due(self, request: Request, words: list[str] | None = None) -> date | None:
        """The last day to complete an incomplete file (law 55-19, article 10), where there is one."""
        limit = self.rules.get("documents.completion", request.filed_on, self.scope(request))
        return None if limit is None else self.rules.due(request.filed_on, count_of(limit), words=words)

    def returned_on(self, request: Request) -> date | None:
        """The day on which an incomplete file counts as returned."""
        if not request.missing:
            return None
        complete = self.complete_on(request)
        recorded = request.returned_on
        if recorded is not None and recorded <= self.day and (complete is None or complete >= recorded):
            return recorded
        if complete is None:
            due = self.completion_due(request)
            if due is not None and self.day > due:
                return due + ONE_DAY
        return None

    def ask_answered_on(self, request: Request, number: int) -> date | None:
        """The day by which everything asked for in the numbered request for documents had come in."""
        ask = request.asks[number]
        left = ask.documents
        for supply in sorted(request.supplies, key=lambda s: s.on):
            if supply.on >= ask.on:
                left = left - supply.documents
                if not left:
                    return supply.on
        return None

    def answer_due(self, request: Request, number: int, words: list[str] | None = None) -> date | None:
        """The last day to answer a request for documents, where there is one."""
        ask = request.asks[number]
        limit = self.rules.get("documents.answer", ask.on, self.scope(request))
        return None if limit is None else self.rules.due(ask.on, count_of(limit), words=words)

    @cached_property
    def suspended_by(self) -> int | None:
        """The number of the request for documents that suspends the time to decide, if one does."""
        request = self.request
        for number, ask in enumerate(request.asks if request else ()):
            assert request is not None
            if ask.on > self.day:
                continue
            answered = self.ask_answered_on(request, number)
            if answered is not None and answered <= self.day:
                continue
            due = self.answer_due(request, number)
            if due is None or self.day <= due:
                return number
        return None

    def suspended_days(self, request: Request) -> int:
        """Days that do not count: from each request for documents to the day before its answer."""
        total = 0
        for number, ask in enumerate(request.asks):
            if ask.on > self.day:
                continue
            end = self.ask_answered_on(request, number)
            due = self.answer_due(request, number)
            if due is not None and (end is None or end > due):
                end = due + ONE_DAY
            end = self.day if end is None or end > self.day else end
            total += max(0, (end - ask.on).days)
        return total

    def clock_start(self, request: Request) -> date | None:
        """The day from which the time to decide runs."""
        anchor = self.rules.get("decision.anchor", request.filed_on, self.scope(request))
        start = request.filed_on if anchor == "filing" else self.complete_on(request)
        again = self._again(request)
        return max(start, again) if start is not None and again is not None else start

    def _again(self, request: Request) -> date | None:
        """The day on which a decided request was opened again, by an appeal or an annulled removal."""
        days = [day for day in (request.reopened_on, self._reexamined(request)) if day is not None]
        return max(days) if days else None

    def decision_limit(self, request: Request) -> Count | None:
        """How long the office has to decide, where the law says."""
        limit = self.rules.get("decision.limit", request.filed_on, self.scope(request))
        return None if limit is None else count_of(limit)

    def decision_due(self, request: Request, words: list[str] | None = None) -> date | None:
        """The last day to decide the request, where there is one and its clock has started."""
        limit = self.decision_limit(request)
        start = self.clock_start(request) if limit is not None else None
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
        extra = 0 if reopened else self.suspended_days(request)
        return self.rules.due(start, limit, extra=extra, words=words)

    @cached_property
    def implicit_on(self) -> date | None:
        """The day on which silence became a refusal of the latest request, if it has."""
        request = self.request
        if request is None:
            return None
        decisions = self.standing_decisions(request)
        if decisions and decisions[-1].kind != IMPLICIT_REFUSAL:
            return None  # an express decision has taken the place of the silence, recorded or not
        recorded = next((d for d in decisions if d.kind == IMPLICIT_REFUSAL), None)
        if recorded is not None:
            return recorded.on
        if decisions or self.returned_on(request) is not None or self.suspended_by is not None:
            return None
        if self.rules.get("decision.silence", request.filed_on, self.scope(request)) != "refusal":
            return None
        due = self.decision_due(request)
        return due + ONE_DAY if due is not None and self.day > due else None

    @cached_property
    def application_status(self) -> str:
        """The status of the open or latest request."""
        request = self.request
        if request is None:
            return "none"
        if self.outcome is not None and self.outcome.kind != IMPLICIT_REFUSAL:
            kind = self.outcome.kind
            return (
                "granted"
                if kind in {"issued", "renewed", "automatic"}
                else "refused"
                if kind in REFUSALS
                else kind
            )
        if self.returned_on(request) is not None:
            return "returned"
        if self.complete_on(request) is None:
            return "incomplete"
        if self.suspended_by is not None:
            return "suspended"
        return IMPLICIT_REFUSAL if self.implicit_on is not None else "under_review"

    @property
    def pending(self) -> bool:
        """Whether the latest request still waits for an express decision."""
        return self.application_status in {
            "incomplete",
            "under_review",
            "suspended",
            "implicitly_refused",
        }


def half_of(start: date, limit: Count) -> int:
    """Half of a period in whole days, without roll or excluded days."""
    bare = unrolled(start, Count(limit.length))
    return (bare - start) // timedelta(days=2)
