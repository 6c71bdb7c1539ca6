"""What the end of one title means for another, for every way to end and every order of what is told."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import Actor, Event, PrincipalEnded, PrincipalRestored
from permits_engine.domain.permit import family
from permits_engine.domain.permit.fold import apply
from tests.unit.domain.lives import POLICIES, File

ABOVE = "018f0000-0000-7000-8000-00000000000a"
START = date(2018, 10, 1)
ENDS: dict[str, str] = POLICIES["MA"].at(START).need("family.ends", START, {})
HOW = st.sampled_from(sorted(set(ENDS) - {"tie_ended"}))


def a_spouses_file() -> File:
    """A card of two years that depends on another file."""
    file = File("MA", "ordinary", START)
    file.do("lodge_application", missing=[])
    file.do("record_fact", kind="spouse_of_resident", since=date(2010, 6, 1), of=ABOVE, evidence="a deed")
    file.do("issue_permit", term="P2Y")
    return file


def tell(file: File, kind: type[Event], on: date, **fields: Any) -> None:
    """What happened on the file above, as an event of this one."""
    event = kind(
        event_id="",
        effective_on=on,
        actor=Actor("somebody", "decider"),
        operator="test",
        correlation_id="",
        principal=ABOVE,
        **fields,
    )
    file.history.append((len(file.history) + 1, event))
    assert file.permit is not None
    apply(file.permit, len(file.history), event)


def renewed(file: File) -> bool:
    """Whether a renewal asked for at the end of the term is granted."""
    file.today = date(2020, 9, 20)
    file.do("request_renewal")
    try:
        file.do("renew_permit")
    except PermitsError as refused:
        assert refused.code == "criterion.unknown"
        return False
    return True


@given(HOW, st.integers(0, 700))
def test_no_title_ends_because_another_one_does(how: str, after: int) -> None:
    """Whatever ended the title above, the one below is in force and lawful on every day of its own term."""
    file = a_spouses_file()
    on = START + timedelta(days=after)
    tell(file, PrincipalEnded, on, how=how)
    for day in (on, on + timedelta(days=1), date(2020, 9, 30)):
        s = file.situation(day)
        assert s.title_status == "active"
        assert [tie.how for tie in family.ties(s)] == [how]
    before = file.situation(on - timedelta(days=1))
    assert [tie.how for tie in family.ties(before)] == [None]


@given(HOW, st.booleans(), st.booleans())
def test_a_renewal_needs_a_ground_of_ones_own_where_the_policy_says_so(
    how: str, own: bool, restored: bool
) -> None:
    """Refused only after an end that asks for one, that was not taken back, and with no ground on record."""
    file = a_spouses_file()
    tell(file, PrincipalEnded, date(2019, 5, 6), how=how)
    if restored:
        tell(file, PrincipalRestored, date(2019, 5, 6))
    if own:
        file.do("record_fact", kind="own_ground", since=date(2019, 6, 3), evidence="a contract")
    assert renewed(file) is (own or restored or ENDS[how] != "renewal")


@given(st.lists(st.tuples(HOW, st.booleans()), max_size=5))
def test_the_last_word_about_the_title_above_counts(told: list[tuple[str, bool]]) -> None:
    """Ended and given back any number of times, the file says what is so now."""
    file = a_spouses_file()
    for number, (how, restored) in enumerate(told):
        on = date(2019, 1, 7) + timedelta(days=30 * number)
        tell(file, PrincipalEnded, on, how=how)
        if restored:
            tell(file, PrincipalRestored, on)
    [tie] = family.ties(file.situation(date(2020, 6, 1)))
    open_ends = [how for at, (how, back) in enumerate(told) if not any(b for _, b in told[at:])]
    assert tie.how == (open_ends[-1] if open_ends else None)


@pytest.mark.parametrize("how", sorted(ENDS))
def test_every_way_to_end_says_what_it_means(how: str) -> None:
    """A file can be closed for no reason, and a title end in no way, of which the policy does not speak."""
    assert ENDS[how] in {family.KEEP, family.RENEWAL, family.MOVED}
    assert {
        "revoked",
        "expired",
        "lost_by_absence",
        "departed",
        "deceased",
        "naturalised",
        "other_title",
    } < set(ENDS)
