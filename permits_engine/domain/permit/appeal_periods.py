"""Periods for appeals: to which bodies, from which day, until when, and what an earlier appeal changes."""

from collections.abc import Callable
from datetime import date

import msgspec

from permits_engine.domain.permit import readings
from permits_engine.domain.permit.proceedings import ROADS
from permits_engine.domain.permit.situation import Situation
from permits_engine.domain.permit.state import Appeal
from permits_engine.domain.rules.policy import Silence, Value, count_of

BODIES = tuple(ROADS)


class Closing(msgspec.Struct, frozen=True):
    """Until when a body may be seised of an appeal.

    ``first`` counts from the decision. Where ``recourse`` was lodged with the administration by then, ``second`` counts
    from its rejection, and none is the day of that while it waits for an answer.
    """

    first: date
    rule: Value
    recourse: Appeal | None = None
    second: date | None = None

    @property
    def last(self) -> date | None:
        """The last day by any reading; none while an answer is awaited."""
        return self.first if self.recourse is None else self.second

    def next(self, day: date) -> date | None:
        """Return the day to act by: the first one, or the second once that has passed."""
        return self.first if day <= self.first or self.recourse is None else self.second

    def open(self, day: date) -> bool:
        """Return whether an appeal may be lodged on a day."""
        return day <= self.first or (
            self.recourse is not None and (self.second is None or day <= self.second)
        )


def appeal_rule(s: Situation, body: str) -> Value | None:
    """Return the rule on the time to appeal to a body; none where no such appeal exists."""
    adverse = s.adverse
    if adverse is None:
        return None
    against, decision, since = adverse
    start = decision.notified_on(s.day) if decision is not None and against != "implicit" else since
    scope = s.scope(body=body, against=against)
    if s.rules.get(
        "appeal.by_filing", s.day, scope
    ):  # a text that applies to requests filed since it is in force
        request = s.permit.request(decision.request) if decision is not None else s.request
        return s.rules.find("appeal.limit", request.filed_on, scope) if request is not None else None
    return s.rules.find("appeal.limit", start or s.day, scope)


def appeal_start(s: Situation) -> date | None:
    """Return day 0 of the time to appeal: the regular notification, or the day on which silence became refusal."""
    if s.adverse is None:
        return None
    against, decision, since = s.adverse
    if against == "implicit":
        return since
    return decision.notified_on(s.day) if decision is not None else None


def closing(s: Situation, body: str, words: list[str] | None = None) -> Closing | None:
    """Return until when a body may be seised; none where no period runs or the law sets no limit."""
    rule, start = appeal_rule(s, body), appeal_start(s)
    if rule is None or start is None or isinstance(rule.value, Silence):
        return None
    count = count_of(rule.value)
    first = s.rules.due(start, count, words=words)
    recourse = _recourse(s, body, s.latest(lambda each: each.rules.due(start, count)) or first)
    if recourse is None:
        return Closing(first, rule)
    rejected = _rejected_on(s, recourse)
    again = s.rules.due(rejected, count) if rejected is not None else None
    if again is not None and again <= first:  # rejected before the decision was notified: nothing is gained
        return Closing(first, rule)
    return Closing(first, rule, recourse, again)


def bounds(s: Situation, body: str, until: Closing) -> readings.Bounds | None:
    """Return the first and last day to act by, where an answer to a recourse or a day off is not certain."""
    following = readings.bounds(s, next_day(body))
    last = readings.bounds(s, last_day(body))
    if following is None and until.recourse is None:
        return None
    reasons = ("answer",) if until.recourse is not None else ()
    uncertain = following.depends_on if following is not None else ()
    return readings.Bounds(
        until.next(s.day) if following is None else following.earliest,
        until.last if last is None else last.latest,
        tuple(dict.fromkeys((*reasons, *uncertain, *(last.depends_on if last is not None else ())))),
    )


def first_day(body: str) -> Callable[[Situation], date | None]:
    """Return the question for the last day to go to a body that counts from the decision."""
    return lambda s: until.first if (until := closing(s, body)) is not None else None


def last_day(body: str) -> Callable[[Situation], date | None]:
    """Return the question for the last day to go to a body, none while an answer to a recourse is awaited."""
    return lambda s: until.last if (until := closing(s, body)) is not None else None


def next_day(body: str) -> Callable[[Situation], date | None]:
    """Return the question for the day to act by: the first one, or the second once that has passed."""
    return lambda s: until.next(s.day) if (until := closing(s, body)) is not None else None


def is_open(s: Situation, body: str) -> bool:
    """Return whether a body may be seised on the day by any reading of what is not certain."""

    def by(each: Situation) -> bool:
        until = closing(each, body)
        return until is not None and until.open(each.day)

    return readings.holds(s, by)


def _recourse(s: Situation, body: str, first: date) -> Appeal | None:
    """Return the first recourse to the administration lodged in the body's own time, where it gives a new one."""
    assert s.adverse is not None
    if not s.rules.get("appeal.after_recourse", first, s.scope(body=body, against=s.adverse[0])):
        return None
    for appeal, answer in s.appeals:
        withdrawn = answer is not None and answer.outcome == "withdrawn"
        recourse = ROADS.get(appeal.body) == "administration" and appeal.on <= first
        if recourse and not withdrawn and is_against(s, appeal):
            return appeal
    return None


def _rejected_on(s: Situation, appeal: Appeal) -> date | None:
    """Return day 0 after a recourse: its rejection, regularly notified, or by silence where that came first."""
    notified, silent = appeal.notified_on(s.day), s.silent_on(appeal)
    days = [day for day in (notified, silent) if day is not None and day <= s.day]
    return min(days) if days else None


def is_against(s: Situation, appeal: Appeal) -> bool:
    """Return whether an appeal is against the decision in force."""
    adverse = s.adverse
    if adverse is None:
        return False
    if (
        adverse[0] == "implicit"
    ):  # silence has no decision of its own: that on the same request, once it had come
        silent = s.request is not None and appeal.request == s.request.version
        return silent and s.permit.is_silence(appeal.against) and appeal.on >= adverse[2]
    return adverse[1] is not None and appeal.against == adverse[1].version


def already_ruled(s: Situation, body: str) -> bool:
    """Return whether the body has dismissed an appeal against the decision in force, expressly or by silence."""
    return any(
        appeal.body == body and answer is not None and answer.outcome == "dismissed" and is_against(s, appeal)
        for appeal, answer in s.appeals
    )


def open_closings(s: Situation) -> list[tuple[str, Closing]]:
    """Return the bodies that may still be seised of an appeal, each with its closing."""
    found = []
    for body in BODIES:
        if s.adverse is None or s.pending_on_road(body) is not None or already_ruled(s, body):
            continue
        until = closing(s, body)
        if until is not None and is_open(s, body):
            found.append((body, until))
    return found
