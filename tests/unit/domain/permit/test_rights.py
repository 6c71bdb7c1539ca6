"""Coming of age, the hours of a removal, and the spans of rights, for every day and instant there is."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from permits_engine.domain import legal_time
from permits_engine.domain.periods import Period, add
from permits_engine.domain.permit import intervals, majority, removal, rights
from permits_engine.domain.permit.by_law import situation_on
from permits_engine.domain.permit.deadlines import deadlines
from permits_engine.domain.permit.facts import Fact
from permits_engine.domain.permit.standing import standing
from permits_engine.domain.permit.state import Permit, Removal
from tests.unit.domain.lives import PERMIT, POLICIES, File, lives

ZONE = legal_time.zone("Africa/Casablanca")
BIRTHS = st.dates(date(1999, 1, 1), date(2005, 12, 31))


def a_minors_file(birth: date) -> File:
    """A minors' document of someone who is sixteen, on a file that knows the last day of minority."""
    file = File("MA", "minor", add(birth, Period(years=16, days=40)))
    majority_on = add(birth, Period(years=18))
    file.do("lodge_application", missing=[])
    for kind, until in (("minor", majority_on - timedelta(days=1)), ("parent_holds_title", None)):
        file.do("record_fact", kind=kind, since=birth, until=until, evidence="a paper")
    return file


@given(BIRTHS, st.integers(0, 650))
def test_a_minors_document_never_goes_beyond_minority(birth: date, wait: int) -> None:
    """Whenever it is given, also on a leap day's birthday, its last day is the last of minority at most."""
    file = a_minors_file(birth)
    file.today += timedelta(days=wait)
    file.do("issue_permit")
    term = file.situation().term
    assert term is not None
    assert term.valid_until < add(birth, Period(years=18))


@given(BIRTHS)
def test_a_person_coming_of_age_has_exactly_six_months(birth: date) -> None:
    """Every day of them is lawful, the clock runs on each, and the day after neither is."""
    file = a_minors_file(birth)
    file.do("issue_permit")
    reached = add(birth, Period(years=18))
    last = add(reached, Period(months=6))
    file.today = last + timedelta(days=1)
    assert majority.reached_on(file.situation()) == reached
    for day in (reached, reached + timedelta(days=90), last):
        s = file.situation(day)
        assert standing(s).lawful
        assert last in [d.due_on for d in deadlines(s) if d.kind == "majority_request_due"]
    after = file.situation(last + timedelta(days=1))
    assert not standing(after).lawful
    assert all(d.kind != "majority_request_due" for d in deadlines(after))


@given(BIRTHS, st.integers(0, 30 * 365))
def test_a_recorded_minority_says_on_every_day_who_is_a_minor(birth: date, after: int) -> None:
    """By its last day and no other, whatever the age pinned at filing leaves open."""
    file = a_minors_file(birth)
    day = file.today + timedelta(days=after)
    file.today = max(file.today, day)
    minor = majority.is_minor(file.situation(day), None)
    assert minor is (day < add(birth, Period(years=18)))


@given(st.datetimes(datetime(2014, 1, 1), datetime(2027, 12, 31)))
def test_the_hours_to_appeal_are_hours(local: datetime) -> None:
    """Forty-eight of them from the instant of notification, through every change of the clock."""
    told = local.replace(tzinfo=ZONE).astimezone(UTC)
    on = told.astimezone(ZONE).date()
    file = File("MA", "ordinary", on)
    file.do("lodge_application", missing=[])
    assert isinstance(file.permit, Permit)
    file.permit.removals.append(Removal(9, on, "after-expiry", told))
    s = situation_on(file.permit, on, POLICIES["MA"].at(on))
    closes = removal.appeal_closes(s, file.permit.removals[0])
    assert closes is not None
    assert closes[0] - told == timedelta(hours=48)
    waiting = removal.appeal_period(s)
    assert waiting is not None
    assert waiting[1] == closes[0].astimezone(ZONE).date()


@given(lives(steps=8, where="MA"), st.data())
def test_a_right_is_as_it_is_from_its_first_day_to_its_last(file: File, data: st.DataObject) -> None:
    """On every day between since and until the answer is the same, and it differs on the days beside them."""
    day = file.history[0][1].effective_on + timedelta(days=data.draw(st.integers(0, 900)))
    s = file.situation(day)
    name = data.draw(st.sampled_from(rights.RIGHTS))
    [right] = [each for each in rights.rights(s) if each.right == name]

    def open_on(other: date) -> bool:
        return rights.right_of(intervals.on_day(s, other), name).open

    first = right.since or day - timedelta(days=400)
    last = right.until or day + timedelta(days=400)
    assert first <= day <= last
    span = (last - first).days
    for step in {0, span, span // 2, data.draw(st.integers(0, span))}:
        assert open_on(first + timedelta(days=step)) is right.open, first + timedelta(days=step)
    if right.since is not None:
        assert open_on(right.since - timedelta(days=1)) is not right.open
    if right.until is not None:
        assert open_on(right.until + timedelta(days=1)) is not right.open


@given(lives(steps=10, where="MA"), st.integers(0, 900))
def test_work_is_open_on_a_title_or_a_receipt_only(file: File, after: int) -> None:
    """No fact, no grace and no appeal opens it."""
    s = file.situation(file.history[0][1].effective_on + timedelta(days=after))
    work = rights.right_of(s, "work")
    holds = rights.holds(s, "title") or rights.holds(s, "receipt")
    assert work.open is holds
    assert work.because in {"title", "receipt", "none"}


def test_facts_of_others_are_not_the_files_own() -> None:
    """Where the holder's facts are given, those of the file alone count for nothing else."""
    file = a_minors_file(date(2001, 3, 1))
    assert file.permit is not None
    given_facts = (Fact("pregnant", date(2017, 1, 1)),)
    s = situation_on(file.permit, file.today, POLICIES["MA"].at(file.today), given_facts)
    assert [fact.kind for fact in s.facts] == ["pregnant"]
    assert file.permit.permit_id == PERMIT
