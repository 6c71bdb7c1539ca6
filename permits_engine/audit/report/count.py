"""The counting: one pass over the permits, each folded and judged by the rules as known now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from permits_engine.application.context import Context
from permits_engine.audit.exports.source import Stream, streams
from permits_engine.audit.report.tallies import AnnualReport, Delays, count
from permits_engine.audit.sums import tally
from permits_engine.domain import legal_time
from permits_engine.domain.decisions.departures import kind_of
from permits_engine.domain.decisions.time_effects import valid_lapses
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.state import GRANTS, REFUSALS, Appeal, Decision, Request, Term
from permits_engine.domain.rules.policy import Policy, count_of
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Database, Statement
from permits_engine.store.events import history
from permits_engine.store.events.timestamps import moment
from permits_engine.store.log.signing_keys import origin_of

_REMINDERS = Statement(
    {
        dialect: f"{query} AND kind = 'renewal_reminder' ORDER BY updated_at, notice_id"
        for dialect, query in among(
            "SELECT permit_id, tier, state, due_on, updated_at, attempts FROM notices WHERE permit_id"
        ).items()
    }
)
_COUNT = Statement("SELECT count(*) FROM permits")
_AGES = ((18, "0–17"), (25, "18–24"), (35, "25–34"), (45, "35–44"), (55, "45–54"), (65, "55–64"))
_BY_OFFICE = (GRANTS | REFUSALS) - {"automatic"}


class Reminder(NamedTuple):
    """A reminder of a title's end: tier, last state and its day, and whether sending was tried."""

    tier: str
    state: str
    ended_on: str
    on: date
    tried: bool


def annual_report(
    context: Context, *, year: int | None = None, progress: Callable[[int, int], None] | None = None
) -> AnnualReport:
    """Count the history up to its head: the acts of a year, or of all years.

    An application counts in the year of its filing, an appeal in that of its ruling (while pending: of its lodging),
    everything else in the year of its own legal date.
    """
    database, adopted = context.database, context.policies
    with database.read() as tx:
        head, row = history.head(tx), tx.one(_COUNT)
        policies = {policy.jurisdiction: policy for policy in adopted.in_use(tx)}
        home = adopted.home(tx)
    days = {code: _day(context.today(policy), policy, head) for code, policy in policies.items()}
    found = AnnualReport(
        origin=origin_of(head.store_id),
        position=head.position,
        made_on=days[home].isoformat(),
        first=None if year is None else f"{year}-01-01",
        last=days[home].isoformat() if year is None else f"{year}-12-31",
    )
    done, permits = 0, row[0] if row else 0
    for batch in streams(database, head.position, family="permit."):
        reminders = _reminders(database, [stream[0].record.stream for stream in batch])
        for stream in batch:
            code = str(stream[0].context.jurisdiction)
            _File(found, year, stream, policies[code], days[code], reminders).add()
        done += len(batch)
        if progress is not None:
            progress(done, max(permits, done))
    return found


def _day(today: date, policy: Policy, head: history.Head) -> date:
    """Return today, or in a simulated store, whose days are past, the local day of its last event."""
    if not head.simulated or head.position == 0:
        return today
    return moment(head.recorded_at).astimezone(legal_time.zone(policy.calendar.time_zone)).date()


def _reminders(database: Database, ids: Sequence[str]) -> dict[str, list[Reminder]]:
    found: dict[str, list[Reminder]] = {}
    with database.read() as tx:
        for permit_id, tier, state, ended_on, at, attempts in tx.all(_REMINDERS, {"ids": list(ids)}):
            tried = attempts > 0 or state == "parked"
            reminder = Reminder(tier, state, ended_on, moment(at).date(), tried)
            found.setdefault(permit_id, []).append(reminder)
    return found


class _File:
    """One permit, to be counted into a report."""

    def __init__(
        self,
        report: AnnualReport,
        year: int | None,
        stream: Stream,
        policy: Policy,
        today: date,
        reminders: dict[str, list[Reminder]],
    ) -> None:
        self.report = report
        self.year = year
        self.events = [(each.record.version, each.event) for each in stream]
        permit = fold(stream[0].record.stream, self.events)
        assert permit is not None
        self.permit = permit
        self.s = situation_on(permit, today, policy.at(today))
        self.lapses = list(valid_lapses(permit, self.s.rules))
        self.reminders = reminders.get(permit.permit_id, [])

    def within(self, day: date | None) -> bool:
        """Whether a day lies in the period."""
        return day is not None and (self.year is None or day.year == self.year)

    def add(self) -> None:
        """Count everything about the permit."""
        self.report.permits += 1
        self._application()
        for request in self.permit.requests:
            self._delays(request)
        self._renewals()
        for appeal in self.permit.appeals:
            self._appeal(appeal)
        self._reminded()
        self._lapsed()
        self._endings()
        for _, event in self.events:
            departs = getattr(event, "departs_from", None)
            if departs is not None and self.within(event.effective_on):
                count(self.report.departures, self.permit.prefecture(event.effective_on), kind_of(departs))

    # --- applications and renewals ---

    def _application(self) -> None:
        report, permit, request = self.report, self.permit, self.permit.requests[0]
        granted = next((d.on for d in self._decided(request) if d.kind in GRANTS), None)
        if granted is not None and self.within(granted):
            count(report.months, f"{granted:%Y-%m}", "granted")
        if not self.within(request.filed_on):
            return
        outcome = self._outcome(request)
        groups = {
            "nationality": permit.nationality or "?",
            "sex": permit.sex or "?",
            "office": permit.offices[0][1],
            "category": permit.category,
        }
        for by, group in groups.items():
            count(report.applications.setdefault(by, {}), group, outcome)
        count(report.ages, _age_group(permit.age), outcome)
        count(report.months, f"{request.filed_on:%Y-%m}", "filed")
        operation = report.operations.setdefault(permit.category, {})
        for group in ("all", permit.sex or "?"):
            count(operation, group, "applications")
            if outcome.startswith("granted"):
                count(operation, group, "granted")

    def _outcome(self, request: Request) -> str:
        decided = self._decided(request)
        if not decided or decided[-1].kind not in GRANTS | REFUSALS:
            return "open"
        if decided[-1].kind in REFUSALS:
            return "refused"
        decisions = self.permit.decisions
        annulled = any(d.request == request.version and d.annulled_on is not None for d in decisions)
        return "granted_on_appeal" if annulled else "granted"

    def _decided(self, request: Request) -> list[Decision]:
        return [
            decision
            for decision in self.permit.decisions
            if decision.request == request.version
            and decision.annulled_on is None
            and decision.on <= self.s.day
        ]

    def _renewals(self) -> None:
        names = [
            "automatic" if term.track == "automatic" else "renewed"
            for term in self.permit.terms[1:]
            if self.within(term.granted_on)
        ]
        names += [
            "refused"
            for decision in self.permit.decisions
            if decision.kind == "renewal_refused"
            and decision.annulled_on is None
            and self.within(decision.on)
        ]
        for name in names:
            tally(self.report.renewals, name)

    # --- delays ---

    def _delays(self, request: Request) -> None:
        """Count the time limits of one request: how long the act took, or that it is overdue."""
        s, filed = self.s, request.filed_on
        decisions = self.permit.decisions
        decision = next((d for d in decisions if d.request == request.version and d.kind in _BY_OFFICE), None)
        took, returned, scope = decision.on if decision else None, s.returned_on(request), s.scope(request)
        office = self.permit.prefecture(filed)
        limit = s.rules.get("opinion.limit", filed, scope) if request.kind == "application" else None
        if limit is not None:
            given = next((o.on for o in request.opinions if o.body == "local_commission"), None)
            opinion_due = s.rules.due(filed, count_of(limit))
            self._delay("opinion", office, filed, given, opinion_due, given or took or returned)
        if request.track == "expedited":
            limit = s.rules.get("expedited.target", filed, scope)
            due = s.rules.due(filed, count_of(limit)) if limit else None
            self._delay("expedited", office, filed, took, due, took or returned)
        elif request.kind == "application":
            start, due = self._decision_period(request, decision)
            self._delay("decision", office, start, took, due, took or returned)

    def _decision_period(self, request: Request, decision: Decision | None) -> tuple[date, date | None]:
        """Return from when the office had to decide, and by when, as the file was just before its decision."""
        s = self.s
        if s.decision_limit(request) is None:
            return s.period_start(request) or request.filed_on, None
        if decision is not None:
            before = fold(self.permit.permit_id, [each for each in self.events if each[0] < decision.version])
            assert before is not None
            s = situation_on(before, decision.on, s.rules.policy.at(s.rules.known))
            request = before.request(request.version) or request
        return s.period_start(request) or request.filed_on, s.decision_due(request)

    def _delay(
        self, name: str, office: str, start: date, took: date | None, due: date | None, ended: date | None
    ) -> None:
        delays = self.report.delays.setdefault(name, {})
        if took is not None and self.within(took):
            limit = (due - start).days if due is not None else None
            delays.setdefault(office, Delays()).add(max(0, (took - start).days), limit)
        elif ended is None and due is not None and due < self.s.day and self.within(due):
            delays.setdefault(office, Delays()).overdue += 1

    # --- appeals, reminders, endings ---

    def _appeal(self, appeal: Appeal) -> None:
        if not self.within(appeal.decided_on or appeal.on):
            return
        count(self.report.appeals, appeal.body, appeal.outcome or "pending")
        if appeal.decided_on is not None:
            took = max(0, (appeal.decided_on - appeal.on).days)
            self.report.ruling.setdefault(appeal.body, Delays()).add(took, None)

    def _reminded(self) -> None:
        """Count reminders; a request answers the last one sent by the day of its filing."""
        report = self.report
        for each in self.reminders:
            if self.within(each.on):
                count(report.reminders, each.tier, "sent" if each.state == "sent" else "not_sent")
        for term, request in self._renewal_requests():
            if not self.within(request.filed_on):
                continue
            sent = [r for r in self._about(term) if r.state == "sent" and r.on <= request.filed_on]
            name = "after_reminder" if sent else "unprompted"
            tally(report.terms, name)
            if sent:
                count(report.reminders, max(sent, key=lambda r: r.on).tier, "answered")

    def _renewal_requests(self) -> Iterator[tuple[Term, Request]]:
        """Yield each term whose renewal was requested, with the request."""
        renewals = [r for r in self.permit.requests if r.kind == "renewal"]
        for at, term in enumerate(self.permit.terms):
            after = self.permit.terms[at + 1].version if at + 1 < len(self.permit.terms) else None
            for request in renewals:
                if request.version > term.version and (after is None or request.version < after):
                    yield term, request
                    break

    def _about(self, term: Term | None) -> list[Reminder]:
        end = term.valid_until.isoformat() if term is not None else None
        return [each for each in self.reminders if each.ended_on == end]

    def _lapsed(self) -> None:
        """Count lapses by whether the holder was reached, as far as the history tells."""
        for on, number in self.lapses:
            if self.within(on):
                about = self._about(next((t for t in self.permit.terms if t.number == number), None))
                if any(each.state == "sent" for each in about):
                    reached = "reminded"
                elif any(each.tried for each in about):
                    reached = "not_reached"
                else:
                    reached = "held_back" if about else "not_reminded"
                count(self.report.lapses, f"{on:%Y}", reached)

    def _endings(self) -> None:
        revocation, closed = self.s.revocation, self.permit.closed
        ends = [
            *(("lapsed", on) for on, _ in self.lapses),
            ("lost_by_absence", self.s.lost_on),
            ("revoked", revocation.on if revocation is not None else None),
            ("closed", closed[0] if closed is not None else None),
        ]
        for name, day in ends:
            if day is not None and self.within(day):
                count(self.report.endings, f"{day:%Y}", name)


def _age_group(age: int | None) -> str:
    return "?" if age is None else next((name for below, name in _AGES if age < below), "65+")
