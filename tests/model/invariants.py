"""What must hold in every state, each with the article that asks for it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

from permits_engine.domain.decisions.lifecycle import TRANSITION_OF, is_possible
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import ApplicationLodged, RenewalRequested
from permits_engine.domain.permit import removal
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.deadlines import Deadline, deadlines
from permits_engine.domain.permit.facts import fact_on
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.view import View, view
from tests.model.world import DAY, PERMIT, Act, State, decided, waited

EXPRESS = {"issued", "renewed", "refused", "renewal_refused"}
ANSWERS = EXPRESS | {"implicitly_granted", "automatic"}
REFUSALS = {"refused", "renewal_refused"}
GRANTS = {"issued", "renewed", "implicitly_granted", "automatic"}
GROUNDS = {
    "closed", "title", "title_given_back", "receipt", "pending_request", "renewal_window", "departure_period",
    "suspensive_appeal", "provisional_stay", "majority_period", "other_file",
}  # fmt: skip


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
    for check in (
        _replay,
        _terms,
        _answers,
        _gap,
        _silence,
        _irregular,
        _closed,
        _lost,
        _grounds,
        _removal,
        _person,
    ):
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
        if next_one.valid_from <= one.valid_until or next_one.valid_until < next_one.valid_from:
            yield (
                "legal reference 10.5(18)",
                f"{one.valid_from} to {one.valid_until}, then {next_one.valid_from} to {next_one.valid_until}",
            )


def _answers(state: State, looks: Looks, clocks: Clocks) -> Found:
    """What was granted, also by law, is not refused afterwards, and no term answers a request that came later."""
    p = state.permit
    grants = {d.request: d.version for d in p.decisions if d.kind in GRANTS}
    for d in p.decisions:
        if d.kind in REFUSALS and d.annulled_on is None and grants.get(d.request, d.version) < d.version:
            yield "law 02-03 article 19", f"the request that was granted is refused on {d.on}"
    for request in p.requests:
        for term in p.terms:
            if term.version < request.version and term.granted_on > request.filed_on:
                yield (
                    "policy decisions: how dates work",
                    f"term {term.number} of {term.granted_on} is to be renewed by a request of {request.filed_on}",
                )


def _gap(state: State, looks: Looks, clocks: Clocks) -> Found:
    """A person who filed in time has lawful stay on every day before a decision takes effect."""
    annulled = {d.version for d in state.permit.decisions if d.annulled_on is not None}
    requests = [(v, x) for v, x in state.history if isinstance(x, ApplicationLodged | RenewalRequested)]
    if not requests or state.permit.closed is not None:
        return
    version, request = requests[-1]
    if isinstance(request, RenewalRequested) and not request.timely:
        return
    for day, look in looks.items():
        if day < max(request.effective_on, _filed(state)) or look.application_status == "returned":
            continue
        decided = False
        for d in state.at(day).permit.decisions:  # those of the law among them
            if d.request == version and d.kind in ANSWERS and d.version not in annulled and d.on <= day:
                decided = decided or d.kind not in REFUSALS or d.notified_on(day) is not None
        if not decided and not look.lawful_stay:
            yield (
                "law 02-03 article 8, decree 2-09-607 article 5",
                f"not lawful on {day}, the request of {request.effective_on} is undecided",
            )


def _filed(state: State) -> date:
    """The legal date of the latest request after corrections."""
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
            of_decision = clock.kind == "appeal_closes" and clock.against != "removal"
            if clock.kind == "departure_due" or (of_decision and not silent):
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
        may_stay = closed[1] in {"naturalised", "other_title"} or look.standing["because"] == "other_file"
        if look.title_status != "closed" or look.lawful_stay != may_stay:
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
    """No one protected is ordered to leave, and an appeal against a reconduite lets its holder stay."""
    for order in state.permit.removals:
        facts = [f for f in state.permit.facts if f.version < order.version]
        if fact_on(tuple(facts), "pregnant", order.on) is not None:
            yield "law 02-03 articles 26 and 29", f"removal ordered on {order.on} of a pregnant woman"
    order = removal.removal_in_force(state.now)
    pending = removal.pending_appeal(state.now) is not None and state.permit.closed is None
    pending = pending and order is not None and removal.is_suspensive(state.now, order)
    if pending and not looks[state.today].lawful_stay:
        yield "law 02-03 articles 23 and 24", "a removal is contested and the stay is not lawful"


def _person(state: State, looks: Looks, clocks: Clocks) -> Found:
    """No person who may stay by any file has an order to leave on any that could be carried out."""
    for today, sight in ((state.today, state.now), (state.today + DAY, state.at(state.today + DAY))):
        order = removal.removal_in_force(sight)
        if order is None or not _executable(state, today):
            continue
        files = [each for each in (state.permit, state.second) if each is not None]
        alone = [view(situation_on(each, today, sight.rules)) for each in files]
        grounds = {look.standing["because"] for look in alone if look.lawful_stay}
        if removal.measure(sight, order.ground) == removal.EXPULSION:
            grounds &= {"title", "receipt", "title_given_back"}
        if grounds:
            yield (
                "law 02-03 articles 8, 10, 21 and 26",
                f"the order of {order.on} can be carried out on {today} although the person may stay: {grounds}",
            )


def _executable(state: State, day: date) -> bool:
    """Whether the order could be carried out at noon of a day."""
    later = state if day == state.today else waited(state, day)
    act = Act("carry_out_removal", day, (("at", datetime.combine(day, time(12), UTC)),))
    if not is_possible(later.situation(day), TRANSITION_OF["carry_out_removal"]):
        return False
    try:
        decided(later, act)
    except PermitsError:
        return False
    return True


def _clocks(state: State, clocks: Clocks) -> Found:
    """A running deadline lies not behind its day, keeps its length in law, and does not come nearer as days pass."""
    for day, found in clocks.items():
        for clock in found:
            last = clock.due_on if clock.bounds is None else clock.bounds.latest
            if last is not None and last < day:
                yield (
                    "policy decisions: deadlines listed",
                    f"{clock.kind} of {clock.due_on} still runs on {day}",
                )
        if len({(c.kind, c.body, c.against) for c in found}) != len(found):
            yield "contract, section 9", f"a kind of deadline is listed twice on {day}"
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


__all__ = ["Violated", "looked_at", "of_state"]
