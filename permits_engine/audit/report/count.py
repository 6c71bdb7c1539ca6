"""One pass over the history of permits, each folded and asked by the rules as they are known now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from permits_engine.application.adopted_policies import AdoptedPolicies
from permits_engine.audit.exports.source import Stream, streams
from permits_engine.audit.report.tallies import Account, Delays, count
from permits_engine.domain.decisions.departures import kind_of
from permits_engine.domain.decisions.time_effects import valid_lapses
from permits_engine.domain.events import Event
from permits_engine.domain.permit.fold import Permit, fold
from permits_engine.domain.permit.situation import GRANTS, REFUSALS, Situation
from permits_engine.domain.permit.state import Appeal, Decision, Request, Term
from permits_engine.domain.rules.policy import Policy, count_of
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Database, Statement
from permits_engine.store.events import history
from permits_engine.store.events.timestamps import moment
from permits_engine.store.log.signing_keys import origin_of

Progress = Callable[[int, int], None]

_REMINDERS = Statement(
    {
        dialect: f"{query} AND kind = 'renewal_reminder' ORDER BY updated_at, notice_id"
        for dialect, query in among(
            "SELECT permit_id, tier, state, due_on, updated_at, attempts FROM notices WHERE permit_id"
        ).items()
    }
)
_COUNT = Statement("SELECT count(*) FROM permits")


class Reminder:
    """A reminder of a title's end: its tier, what became of it and when, and whether it was tried at all."""

    __slots__ = ("ended_on", "on", "state", "tier", "tried")

    def __init__(self, tier: str, state: str, ended_on: str, at: int, attempts: int) -> None:
        self.tier, self.state, self.ended_on = tier, state, ended_on
        self.on = moment(at).date()
        self.tried = attempts > 0 or state == "parked"


def account(
    database: Database,
    adopted: AdoptedPolicies,
    today: Callable[[Policy], date],
    *,
    year: int | None = None,
    progress: Progress | None = None,
) -> Account:
    """Count the history up to its head: the acts of a year, or of all years.

    An application counts in the year of its filing, an appeal in that of its ruling (while it is pending, of its
    lodging), everything else in the year of its own legal date.
    """
    with database.read() as tx:
        head, row = history.head(tx), tx.one(_COUNT)
        policies = {code: adopted.current(tx, code) for code, *_ in adopted.all(tx)}
    days = {code: _day(today(policy), policy, head) for code, policy in policies.items()}
    made_on = days.get("MA") or max(days.values())
    found = Account(
        origin=origin_of(head.store_id),
        position=head.position,
        made_on=made_on.isoformat(),
        first=None if year is None else f"{year}-01-01",
        last=made_on.isoformat() if year is None else f"{year}-12-31",
    )
    done, of = 0, row[0] if row else 0
    for batch in streams(database, head.position, family="permit."):
        reminders = _reminders(database, [stream[0].record.stream for stream in batch])
        for stream in batch:
            code = str(stream[0].context.jurisdiction)
            _permit(found, year, stream, policies[code], days[code], reminders)
        done += len(batch)
        if progress is not None:
            progress(done, max(of, done))
    return found


def _day(today: date, policy: Policy, head: history.Head) -> date:
    """Today; in a simulated store, whose days are past, the local day of its last event."""
    if not head.simulated or head.position == 0:
        return today
    return moment(head.recorded_at).astimezone(ZoneInfo(policy.calendar.time_zone)).date()


def _reminders(database: Database, ids: Sequence[str]) -> dict[str, list[Reminder]]:
    found: dict[str, list[Reminder]] = {}
    with database.read() as tx:
        for permit_id, *row in tx.all(_REMINDERS, {"ids": list(ids)}):
            found.setdefault(permit_id, []).append(Reminder(*row))
    return found


def _permit(
    account: Account,
    year: int | None,
    stream: Stream,
    policy: Policy,
    today: date,
    reminders: dict[str, list[Reminder]],
) -> None:
    events = [(each.record.version, each.event) for each in stream]
    permit = fold(stream[0].record.stream, events)
    assert permit is not None
    s = Situation(permit, today, policy.at(today))
    account.permits += 1
    within = _Within(year)
    _application(account, within, permit, s)
    for request in permit.requests:
        _delays(account, within, s, request, events)
    _renewals(account, within, permit)
    for appeal in permit.appeals:
        _appeal(account, within, appeal)
    _reminded(account, within, s, reminders.get(permit.permit_id, []))
    _endings(account, within, permit, s)
    for _, event in events:
        departs = getattr(event, "departs_from", None)
        if departs is not None and within(event.effective_on):
            count(account.departures, permit.prefecture(event.effective_on), kind_of(departs))


class _Within:
    """Whether a day lies in the period."""

    def __init__(self, year: int | None) -> None:
        self._year = year

    def __call__(self, day: date | None) -> bool:
        return day is not None and (self._year is None or day.year == self._year)


# --- applications and renewals ---------------------------------------------------------------------------


def _application(account: Account, within: _Within, permit: Permit, s: Situation) -> None:
    first = permit.requests[0]
    outcome = _outcome(permit, first, s.day)
    granted = next((d.on for d in _decided(permit, first, s.day) if d.kind in GRANTS), None)
    if within(first.filed_on):
        groups = {
            "nationality": permit.nationality or "?",
            "sex": permit.sex or "?",
            "office": permit.offices[0][1],
            "category": permit.category,
        }
        for by, group in groups.items():
            count(account.applications.setdefault(by, {}), group, outcome)
        count(account.ages, _band(permit.age), outcome)
        count(account.months, f"{first.filed_on:%Y-%m}", "filed")
        operation = account.operations.setdefault(permit.category, {})
        count(operation, "all", "applications")
        count(operation, permit.sex or "?", "applications")
        if outcome.startswith("granted"):
            count(operation, "all", "granted")
            count(operation, permit.sex or "?", "granted")
    if granted is not None and within(granted):
        count(account.months, f"{granted:%Y-%m}", "granted")


def _outcome(permit: Permit, request: Request, today: date) -> str:
    decided = _decided(permit, request, today)
    if not decided or decided[-1].kind not in GRANTS | REFUSALS or decided[-1].kind == "implicitly_refused":
        return "open"
    if decided[-1].kind in REFUSALS:
        return "refused"
    annulled = any(d.request == request.version and d.annulled_on is not None for d in permit.decisions)
    return "granted_on_appeal" if annulled else "granted"


def _decided(permit: Permit, request: Request, today: date) -> list[Decision]:
    return [
        d
        for d in permit.decisions
        if d.request == request.version and d.annulled_on is None and d.on <= today
    ]


def _band(age: int | None) -> str:
    if age is None:
        return "?"
    return next((name for below, name in _BANDS if age < below), "65+")


_BANDS = ((18, "0–17"), (25, "18–24"), (35, "25–34"), (45, "35–44"), (55, "45–54"), (65, "55–64"))


def _renewals(account: Account, within: _Within, permit: Permit) -> None:
    for term in permit.terms[1:]:
        if within(term.granted_on):
            kind = "automatic" if term.track == "automatic" else "renewed"
            account.renewals[kind] = account.renewals.get(kind, 0) + 1
    for decision in permit.decisions:
        if decision.kind == "renewal_refused" and decision.annulled_on is None and within(decision.on):
            account.renewals["refused"] = account.renewals.get("refused", 0) + 1


# --- delays ----------------------------------------------------------------------------------------------


def _delays(
    account: Account, within: _Within, s: Situation, request: Request, events: list[tuple[int, Event]]
) -> None:
    """The clocks of one request: what was done and when, or that it is overdue."""
    permit, rules = s.permit, s.rules
    office = permit.prefecture(request.filed_on)
    decision = next((d for d in permit.decisions if d.request == request.version and _by_office(d)), None)
    returned = s.returned_on(request)
    scope = s.scope(request)
    if request.kind == "application":
        limit = rules.get("opinion.limit", request.filed_on, scope)
        given = [o for o in request.opinions if o.body == "local_commission"]
        if limit is not None:
            due = rules.due(request.filed_on, count_of(limit))
            ended = given[0].on if given else decision.on if decision else returned
            took = given[0].on if given else None
            _clock(account, within, "opinion", office, request.filed_on, took, due, s.day, ended)
    expedited = request.track == "expedited"
    if request.kind != "application" and not expedited:
        return
    took = decision.on if decision else None
    if expedited:
        limit = rules.get("expedited.target", request.filed_on, scope)
        target = rules.due(request.filed_on, count_of(limit)) if limit else None
        _clock(account, within, "expedited", office, request.filed_on, took, target, s.day, took or returned)
        return
    start, by = _decision_clock(s, request, decision, events)
    _clock(account, within, "decision", office, start, took, by, s.day, took or returned)


def _by_office(decision: Decision) -> bool:
    return decision.kind in GRANTS | REFUSALS and decision.kind not in {"automatic", "implicitly_refused"}


def _decision_clock(
    s: Situation, request: Request, decision: Decision | None, events: list[tuple[int, Event]]
) -> tuple[date, date | None]:
    """From when the office had to decide, and by when: as the file stood just before it decided."""
    if s.decision_limit(request) is None:
        return s.clock_start(request) or request.filed_on, None
    if decision is not None:
        before = fold(s.permit.permit_id, [each for each in events if each[0] < decision.version])
        assert before is not None
        s = Situation(before, decision.on, s.rules.policy.at(s.rules.known))
        request = before.request(request.version) or request
    return s.clock_start(request) or request.filed_on, s.decision_due(request)


def _clock(
    account: Account,
    within: _Within,
    name: str,
    office: str,
    start: date,
    took: date | None,
    due: date | None,
    today: date,
    ended: date | None,
) -> None:
    delays = account.delays.setdefault(name, {})
    if took is not None and within(took):
        limit = (due - start).days if due is not None else None
        delays.setdefault(office, Delays()).add(max(0, (took - start).days), limit)
    elif ended is None and due is not None and due < today and within(due):
        delays.setdefault(office, Delays()).overdue += 1


# --- appeals, reminders, endings -------------------------------------------------------------------------


def _appeal(account: Account, within: _Within, appeal: Appeal) -> None:
    if not within(appeal.decided_on or appeal.on):
        return
    count(account.appeals, appeal.body, appeal.outcome or "pending")
    if appeal.decided_on is not None:
        took = max(0, (appeal.decided_on - appeal.on).days)
        account.ruling.setdefault(appeal.body, Delays()).add(took, None)


def _reminded(account: Account, within: _Within, s: Situation, reminders: list[Reminder]) -> None:
    """A request answers the last reminder that left by the day of its filing."""
    for each in reminders:
        if within(each.on):
            count(account.reminders, each.tier, "sent" if each.state == "sent" else "not_sent")
    for term, request in _asked(s):
        if request is not None and within(request.filed_on):
            ended = term.valid_until.isoformat()
            sent = [r for r in reminders if r.ended_on == ended and r.state == "sent"]
            before = [r for r in sent if r.on <= request.filed_on]
            name = "after_reminder" if before else "unprompted"
            account.terms[name] = account.terms.get(name, 0) + 1
            if before:
                count(account.reminders, max(before, key=lambda r: r.on).tier, "answered")
    for on, number in valid_lapses(s.permit, s.rules):
        if within(on):
            lapsed = next((t for t in s.permit.terms if t.number == number), None)
            count(account.lapses, f"{on:%Y}", _why(lapsed, reminders))


def _asked(s: Situation) -> Iterator[tuple[Term, Request | None]]:
    """Each term with the request to renew it."""
    renewals = [r for r in s.permit.requests if r.kind == "renewal"]
    for at, term in enumerate(s.permit.terms):
        after = s.permit.terms[at + 1].version if at + 1 < len(s.permit.terms) else None
        yield (
            term,
            next(
                (r for r in renewals if r.version > term.version and (after is None or r.version < after)),
                None,
            ),
        )


def _why(term: Term | None, reminders: list[Reminder]) -> str:
    """Why a title lapsed, as far as the history tells: whether the holder was reached."""
    about = [r for r in reminders if term is not None and r.ended_on == term.valid_until.isoformat()]
    if any(each.state == "sent" for each in about):
        return "reminded"
    if any(each.tried for each in about):
        return "not_reached"
    return "held_back" if about else "not_reminded"


def _endings(account: Account, within: _Within, permit: Permit, s: Situation) -> None:
    for on, _ in valid_lapses(permit, s.rules):
        if within(on):
            count(account.endings, f"{on:%Y}", "lapsed")
    if s.lost_on is not None and within(s.lost_on):
        count(account.endings, f"{s.lost_on:%Y}", "lost_by_absence")
    if s.revocation is not None and within(s.revocation.on):
        count(account.endings, f"{s.revocation.on:%Y}", "revoked")
    if permit.closed is not None and within(permit.closed[0]):
        count(account.endings, f"{permit.closed[0]:%Y}", "closed")
