"""What must hold in every state and of every step, each with the article that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

from permits_engine.domain import events as e
from permits_engine.domain import removal
from permits_engine.domain.case import Draft
from permits_engine.domain.deadlines import Deadline, deadlines
from permits_engine.domain.duties import next_act
from permits_engine.domain.facts import holding
from permits_engine.domain.permit import Decision, fold
from permits_engine.domain.view import View, view
from tests.model.world import DAY, PERMIT, Act, State

EXPRESS = {"issued", "renewed", "refused", "renewal_refused"}
REFUSALS = {"refused", "renewal_refused"}
GROUNDS = {
    "closed", "title", "title_given_back", "receipt", "pending_request", "renewal_window", "departure_period",
    "suspensive_appeal", "provisional_stay", "majority_period",
}  # fmt: skip
SPANS = {"title_expiry", "renewal_window_closes", "departure_due", "receipt_expiry", "absence_limit"}


class Violated(AssertionError):
    """An invariant does not hold: which, by what article, and what was found instead."""

    def __init__(self, rule: str, article: str, found: str) -> None:
        super().__init__(f"{rule} ({article}): {found}")
        self.rule = rule


def looked_at(state: State) -> list[date]:
    """Days on which a state is looked at: before its file, about today, its last event, two deadlines, a year on.

    The days of all other deadlines are looked at in the states that the walk reaches by waiting for them.
    """
    today, first = state.today, state.history[0][1].effective_on
    ends = [clock.due_on for clock in state.clocks if clock.due_on is not None]
    found = {
        first - DAY,
        today - DAY,
        today,
        today + DAY,
        today + timedelta(days=400),
        state.history[-1][1].effective_on,
    }
    return sorted(found | {day + DAY for day in ends[:2]})


def of_state(state: State) -> None:
    """Raise where a state breaks an invariant."""
    looks: dict[date, View] = {}
    clocks: dict[date, list[Deadline]] = {}
    for day in looked_at(state):
        try:  # whatever the day
            s = state.situation(day)
            looks[day], clocks[day] = view(s), deadlines(s)
        except Exception as problem:
            raise Violated(
                "the view answers for every day",
                "architecture: status is a function of the date",
                f"{day}: {problem!r}",
            ) from problem
    for check in (_replay, _terms, _gap, _silence, _irregular, _closed, _lost, _grounds, _removal):
        for article, found in check(state, looks, clocks):
            raise Violated(check.__doc__ or "", article, found)
    for article, found in _clocks(state, clocks):
        raise Violated(_clocks.__doc__ or "", article, found)


Looks = dict[date, View]
Clocks = dict[date, list[Deadline]]
Found = Iterator[tuple[str, str]]


def _replay(state: State, looks: Looks, clocks: Clocks) -> Found:
    """The same history folded again gives the same file."""
    if fold(PERMIT, state.history) != state.permit:
        yield (
            "architecture: decide is pure, the fold too",
            "the file folded at once is not the file folded step by step",
        )


def _terms(state: State, looks: Looks, clocks: Clocks) -> Found:
    """Terms are numbered from 1 and no two titles overlap."""
    terms = state.permit.terms
    if [t.number for t in terms] != list(range(1, len(terms) + 1)):
        yield "contract, section 1", f"terms are numbered {[t.number for t in terms]}"
    for one, next_one in pairwise(terms):
        # A late request that is granted before the old term ends replaces it from the day of decision (France).
        late = state.jurisdiction == "FR" and next_one.valid_from == next_one.granted_on
        if (
            next_one.valid_from <= one.valid_until and not late
        ) or next_one.valid_until < next_one.valid_from:
            yield (
                "legal reference 10.5(18)",
                f"{one.valid_from} to {one.valid_until}, then {next_one.valid_from} to {next_one.valid_until}",
            )


def _gap(state: State, looks: Looks, clocks: Clocks) -> Found:
    """Whoever filed in time has no day without lawful stay before a decision takes effect."""
    annulled = {d.version for d in state.permit.decisions if d.annulled_on is not None}
    requests = [(v, x) for v, x in state.history if isinstance(x, e.ApplicationLodged | e.RenewalRequested)]
    if not requests or state.permit.closed is not None:
        return
    version, request = requests[-1]
    if isinstance(request, e.RenewalRequested) and not request.timely:
        return
    ends = [
        d
        for d in state.permit.decisions
        if d.version > version and d.kind in EXPRESS | {"implicitly_granted", "automatic"}
    ]
    for day, look in looks.items():
        if day < max(request.effective_on, _filed(state)) or look.application_status == "returned":
            continue
        decided = False
        for d in ends:
            if d.version not in annulled and d.on <= day:
                decided = decided or d.kind not in REFUSALS or d.notified_on(day) is not None
        if not decided and not look.lawful_stay:
            yield (
                "law 02-03 article 8, decree 2-09-607 article 5",
                f"not lawful on {day}, the request of {request.effective_on} is undecided",
            )


def _filed(state: State) -> date:
    """The legal date of the latest request as it stands after corrections."""
    return state.permit.requests[-1].filed_on


def _silence(state: State, looks: Looks, clocks: Clocks) -> Found:
    """No grant by silence where silence is refusal."""
    if state.jurisdiction == "ES":
        return
    granted = any(d.kind == "implicitly_granted" for d in state.permit.decisions)
    if granted or any(look.application_status == "implicitly_granted" for look in looks.values()):
        yield "law 41-90 article 23, decree 2-22-387", "silence granted a permit"


def _irregular(state: State, looks: Looks, clocks: Clocks) -> Found:
    """No clock starts from an irregular notification."""
    told = any(n.regular for d in state.permit.decisions if d.annulled_on is None for n in d.notifications)
    if told:
        return
    for day, found in clocks.items():
        for clock in found:
            silent = looks[day].application_status == "implicitly_refused"
            if clock.kind == "departure_due" or (clock.kind == "appeal_closes" and not silent):
                yield (
                    "law 03-01, legal reference 1.9",
                    f"{clock.kind} runs on {day} although nothing was regularly notified",
                )


def _closed(state: State, looks: Looks, clocks: Clocks) -> Found:
    """A closed permit stays closed."""
    closed = state.permit.closed
    if closed is None:
        return
    for day, look in looks.items():
        if day < closed[0]:
            continue
        if look.title_status != "closed" or look.lawful_stay != (closed[1] in {"naturalised", "other_title"}):
            yield "policy decisions: precedence of title_status", f"on {day} it is {look.title_status}"
        if clocks[day]:
            yield "policy decisions: deadlines listed", f"{clocks[day][0].kind} runs on {day}"


def _lost(state: State, looks: Looks, clocks: Clocks) -> Found:
    """A title is lost by absence only after more than six months abroad without a return."""
    for day, look in looks.items():
        if look.title_status != "lost_by_absence":
            continue
        away = [
            a
            for a in state.permit.absences
            if (day - a.out).days > 180 and (a.back is None or (a.back - a.out).days > 180)
        ]
        if not away:
            yield "decree 2-09-607 article 19", f"lost on {day} without an absence of more than six months"
        if look.lawful_stay and look.standing["because"] in {"title", "renewal_window"}:
            yield (
                "decree 2-09-607 article 19",
                f"on {day} lawful by {look.standing['because']} although the title is lost",
            )


def _grounds(state: State, looks: Looks, clocks: Clocks) -> Found:
    """Every lawful day names a ground, every unlawful one none, and the view agrees with the terms."""
    for day, look in looks.items():
        because = look.standing["because"]
        if look.lawful_stay and because not in GROUNDS:
            yield "policy decisions: lawful stay", f"lawful on {day} because of {because}"
        if not look.lawful_stay and because not in {"no_ground", "closed"}:
            yield "policy decisions: lawful stay", f"not lawful on {day} because of {because}"
        granted = [t for t in state.permit.terms if t.granted_on <= day]
        if look.title_status == "active" and not granted:
            yield "law 02-03 article 10", f"active on {day} before any term was granted"
        if (look.valid_until is None) != (not granted):
            yield "policy decisions: term_number", f"the term shown on {day} is not the last one granted"


def _removal(state: State, looks: Looks, clocks: Clocks) -> Found:
    """Nobody protected is ordered to leave, and an appeal against a removal lets its holder stay."""
    for order in state.permit.removals:
        facts = [f for f in state.permit.facts if f.version < order.version]
        if holding(tuple(facts), "pregnant", order.on) is not None:
            yield "law 02-03 articles 26 and 29", f"removal ordered on {order.on} of a pregnant woman"
    pending = removal.pending(state.now) is not None and state.permit.closed is None
    if pending and not looks[state.today].lawful_stay:
        yield "law 02-03 articles 23 and 24", "a removal is contested and the stay is not lawful"


def _clocks(state: State, clocks: Clocks) -> Found:
    """A running deadline lies not behind its day, keeps its length in law, and does not come nearer as days pass."""
    for day, found in clocks.items():
        for clock in found:
            if clock.due_on is not None and clock.due_on < day:
                yield (
                    "policy decisions: deadlines listed",
                    f"{clock.kind} of {clock.due_on} still runs on {day}",
                )
        if len({(c.kind, c.body) for c in found}) != len(found):
            yield "contract, section 9", f"a kind of deadline stands twice on {day}"
    days = sorted(day for day in clocks if day >= state.today)
    for one, later in pairwise(days):
        ends = {(c.kind, c.body, c.anchor, c.rule): c.due_on for c in clocks[one] if c.status == "running"}
        for c in clocks[later]:
            before = ends.get((c.kind, c.body, c.anchor, c.rule))
            if before is not None and c.due_on is not None and c.due_on < before:
                yield (
                    "legal reference 9.2(5)",
                    f"{c.kind} falls from {before} to {c.due_on} between {one} and {later}",
                )
    for d in state.permit.decisions:
        told = d.notified_on(state.today)
        if told is None or state.jurisdiction != "MA" or d.annulled_on is not None:
            continue
        for c in clocks[state.today]:
            least = {"departure_due": 15, "appeal_closes": 16}.get(c.kind)
            if (
                least is not None
                and c.anchor == d.version
                and c.due_on is not None
                and (c.due_on - told).days < least
            ):
                yield (
                    "law 02-03 articles 11 and 20, CPC article 512",
                    f"{c.kind} on {c.due_on}, notified {told}",
                )


# --- steps --------------------------------------------------------------------------------------------------


def of_step(before: State, act: Act, drafts: list[Draft], now: State) -> None:
    """Raise where an accepted command breaks an invariant."""
    fields = dict(act.fields)
    name = act.command or ""
    if str(fields.get("reasons_in_law", "x")).strip() == "":
        raise Violated(
            "no decision against the holder without reasons",
            "law 03-01 articles 1 and 2",
            f"{name} was accepted with blank reasons",
        )
    for draft in drafts:
        if (
            draft.kind.NAME
            in {"permit.issued", "permit.renewed", "permit.revoked", "permit.implicitly_granted"}
            and not draft.rules
        ):
            raise Violated("every decision carries its legal basis", "law 03-01 article 1", draft.kind.NAME)
    closed = before.permit.closed
    if (
        closed is not None
        and act.on >= closed[0]
        and name not in {"notify_decision", "correct_record", "record_fact", "lift_entry_ban"}
        and drafts
    ):
        raise Violated(
            "a closed permit stays closed", "policy decisions", f"{name} was accepted after the closure"
        )
    if name == "run_clock":
        _pass(before, drafts, now)
    if name == "decide_appeal" and fields["outcome"] == "upheld" and fields.get("against") != "removal":
        _given_back(before, act, now)


def _pass(before: State, drafts: list[Draft], now: State) -> None:
    today = now.today
    s = now.now
    again = next_act(s, s.rules)
    if again is not None:
        raise Violated("a pass leaves nothing due", "architecture: level-triggered", again.kind.NAME)
    names = {draft.kind.NAME for draft in drafts}
    for draft in drafts:
        if draft.effective_on > today:
            raise Violated(
                "an act of the clock is not dated ahead",
                "policy decisions",
                f"{draft.kind.NAME} on {draft.effective_on}",
            )
    if "permit.renewed" in names:
        last = next(draft for draft in drafts if draft.kind.NAME == "permit.renewed")
        if before.permit.category != "regularisation-2014" or last.effective_on > date(2017, 1, 9):
            raise Violated(
                "automatic renewal only where the law gives it",
                "communiqués of 9 February 2015 and 10 January 2017",
                str(last.effective_on),
            )
        return
    receipt = s.receipt
    if (
        before.jurisdiction == "MA"
        and s.pending
        and receipt is not None
        and receipt.until < today
        and s.title_status != "closed"
    ):
        raise Violated(
            "a receipt does not lapse while the file is open",
            "decree 2-09-607 article 5",
            f"it ended on {receipt.until}",
        )
    if names & {"permit.implicitly_granted"}:
        return
    for day in looked_at(before):
        was, shows = view(before.at(day)), view(now.at(day))
        if (was.title_status, was.application_status) != (shows.title_status, shows.application_status):
            raise Violated(
                "a pass records what the dates said already",
                "policy decisions: status is a function of the date",
                f"{day}: {was.title_status}, {was.application_status} became "
                f"{shows.title_status}, {shows.application_status}",
            )
        if was.lawful_stay and not shows.lawful_stay:
            raise Violated("a pass takes no day of lawful stay", "law 09-08 article 11", str(day))


def _given_back(before: State, act: Act, now: State) -> None:
    """Compare with the same file on which the annulled decision was never taken."""
    p, today = now.permit, now.today
    shown, closed = view(now.at(today)), p.closed is not None
    for decision in p.decisions:
        if decision.annulled_on != act.on or _replaced(now, decision):
            continue  # what else was decided on the request stands, as before
        request = p.request(decision.request)
        late = request is not None and not now.now.is_timely(
            request
        )  # it gave no standing before either (France)
        for day in (decision.on, decision.on + DAY, before.today):
            if decision.on <= day <= today and not (view(now.at(day)).lawful_stay or closed or late):
                raise Violated("an annulment works back", "law 02-03 article 20, policy decisions", str(day))
        if decision.kind == "revoked":
            _whole(before, now, decision, shown)
        elif shown.application_status not in _REOPENED:
            found = shown.application_status
            raise Violated("an annulled refusal leaves the request open", "policy decisions: upheld", found)


_REOPENED = {"under_review", "suspended", "incomplete", "implicitly_refused", "implicitly_granted", "granted"}


def _whole(before: State, now: State, revocation: Decision, shown: View) -> None:
    """Reinstated means whole: as if the revocation had never been, unless something else changed the title."""
    without = tuple((v, x) for v, x in before.history if v < revocation.version)
    file = fold(PERMIT, without)
    assert file is not None
    old = view(State(file, now.today, now.jurisdiction, without).now)
    if len(file.terms) != len(now.permit.terms) or now.now.lost_on is not None:
        return  # a term was granted by law meanwhile, or an absence has ended the title
    one = (old.valid_from, old.valid_until, old.term_number, old.title_status == "active")
    other = (shown.valid_from, shown.valid_until, shown.term_number, shown.title_status == "active")
    if one != other:
        raise Violated("reinstated means whole", "law 02-03 article 20", f"{one} became {other}")


def _replaced(state: State, decision: Decision) -> bool:
    """Whether another decision on the same request stands: a later one, or what silence has granted (Spain)."""
    others = (d for d in state.permit.decisions if d.version != decision.version and d.annulled_on is None)
    return decision.request is not None and any(d.request == decision.request for d in others)


__all__ = ["SPANS", "Violated", "of_state", "of_step"]
