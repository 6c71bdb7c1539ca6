"""How a value of a policy is found: rank, then date, then when it became known; and what was asked."""

import itertools
from datetime import date, timedelta
from typing import Any

import pytest

from permits_engine.domain.calendars import Calendar, Count, Holiday
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.periods import Period
from permits_engine.domain.rules.policy import RANKS, Office, Policy, Rules, Silence, Source, Value, count_of

LAW = Source("law 1", "2")
D = date
LATER = D(2030, 1, 1)


def a_value(id_: str, value: Any, since: date, **more: Any) -> Value:
    """A value of the parameter ``limit``, of the rank of law and known since its day."""
    fields = {"known": since, "rank": "law", "source": LAW, "confidence": "high", **more}
    return Value(id=id_, name="limit", value=value, since=since, **fields)


def a_policy(*values: Value, calendar: Calendar | None = None) -> Policy:
    """A policy of one parameter, its values sorted as compiling sorts them."""
    ordered = tuple(sorted(values, key=lambda v: v.weight))
    return Policy("XX", "a text", "digest", {"limit": ordered}, calendar or Calendar([6, 7], []), {})


def found(policy: Policy, on: date, known: date = LATER, scope: dict[str, str] | None = None) -> Any:
    """The plain value in force."""
    return policy.at(known).get("limit", on, scope or {})


def test_the_higher_rank_wins_whatever_the_dates() -> None:
    """A later circular does not beat the law, and practice beats nothing."""
    policy = a_policy(
        a_value("law", 1, D(2010, 1, 1)),
        a_value("circular", 2, D(2020, 1, 1), rank="circular"),
        a_value("practice", 3, D(2025, 1, 1), rank="practice"),
    )
    assert found(policy, D(2026, 1, 1)) == 1


@pytest.mark.parametrize(("strong", "weak"), list(itertools.pairwise(RANKS)))
def test_each_rank_beats_the_next_one(strong: str, weak: str) -> None:
    """From the constitution down to practice; a convention fills a silence and still beats practice."""
    policy = a_policy(
        a_value("strong", 1, D(2010, 1, 1), rank=strong), a_value("weak", 2, D(2010, 1, 1), rank=weak)
    )
    assert found(policy, D(2010, 1, 1)) == 1


def test_of_one_rank_the_later_wins_from_its_own_day() -> None:
    """The day before it the earlier value is in force still."""
    policy = a_policy(a_value("old", 1, D(2010, 1, 1)), a_value("new", 2, D(2020, 9, 28)))
    assert [
        found(policy, day) for day in (D(2009, 12, 31), D(2010, 1, 1), D(2020, 9, 27), D(2020, 9, 28))
    ] == [
        None,
        1,
        1,
        2,
    ]


def test_of_one_day_the_text_known_later_wins() -> None:
    """A corrected text of the same rank and day takes the place of the first one."""
    policy = a_policy(
        a_value("first", 1, D(2010, 1, 1)), a_value("again", 2, D(2010, 1, 1), known=D(2010, 6, 1))
    )
    assert found(policy, D(2010, 2, 1), known=D(2010, 5, 31)) == 1
    assert found(policy, D(2010, 2, 1), known=D(2010, 6, 1)) == 2


def test_a_value_ends_with_its_last_day() -> None:
    """``until`` is inclusive."""
    policy = a_policy(a_value("span", 1, D(2015, 2, 9), until=D(2017, 1, 9)))
    assert [found(policy, day) for day in (D(2015, 2, 8), D(2015, 2, 9), D(2017, 1, 9), D(2017, 1, 10))] == [
        None,
        1,
        1,
        None,
    ]


def test_a_value_answers_only_in_its_circumstances() -> None:
    """Every key of ``applies`` must be met; other keys do not matter; the file's own scope remembers."""
    only = (("category", frozenset({"ordinary"})), ("stage", frozenset({"renewal", "application"})))
    policy = a_policy(
        a_value("general", 1, D(2010, 1, 1)), a_value("special", 2, D(2011, 1, 1), applies=only)
    )
    day = D(2012, 1, 1)
    assert found(policy, day, scope={"category": "ordinary", "stage": "renewal", "body": "x"}) == 2
    assert found(policy, day, scope={"category": "refugee", "stage": "renewal"}) == 1
    assert found(policy, day, scope={"category": "ordinary"}) == 1
    for _ in range(2):
        assert found(policy, day, scope=policy.scope("ordinary", "card", "renewal")) == 2
        assert found(policy, day, scope=policy.scope("refugee", "card", "renewal")) == 1
    assert policy.values("limit", policy.scope("refugee", "card", "renewal")) == (policy.by_id["general"],)
    assert policy.values("nothing", policy.scope("refugee", "card", "renewal")) == ()
    assert policy.scope("a", "b", "c") is policy.scope("a", "b", "c")
    assert policy.scope("a", "b", "c", {"body": "x"}) is policy.scope("a", "b", "c", {"body": "x"})
    assert policy.scope("a", "b", "c", {"body": "x"}) == {
        "category": "a",
        "title_kind": "b",
        "stage": "c",
        "body": "x",
    }
    assert policy.scope("a", "b", "c", {"body": "x"}) is not policy.scope("a", "b", "c", {"body": "y"})


def test_silence_is_no_value_and_needing_one_says_what_is_missing() -> None:
    """Unset, unlimited and unknown give none; ``need`` names parameter, day and country."""
    for silence in Silence:
        rules = a_policy(a_value("silent", silence, D(2010, 1, 1))).at(D(2020, 1, 1))
        assert rules.get("limit", D(2015, 1, 1), {}) is None
        assert rules.find("limit", D(2015, 1, 1), {}) is not None
        with pytest.raises(PermitsError) as problem:
            rules.need("limit", D(2015, 1, 1), {})
        assert problem.value.code == "policy.none_in_force"
        assert problem.value.details == {"parameter": "limit", "on": "2015-01-01", "jurisdiction": "XX"}
    with pytest.raises(PermitsError, match="no value of other is in force in XX on 2015-01-01"):
        a_policy().at(D(2020, 1, 1)).need("other", D(2015, 1, 1), {})
    assert (
        a_policy(a_value("plain", 7, D(2010, 1, 1))).at(D(2020, 1, 1)).need("limit", D(2015, 1, 1), {}) == 7
    )


def test_what_answered_is_remembered_in_order_and_once() -> None:
    """``used`` is the legal basis: the values that answered, not those that lost."""
    policy = a_policy(a_value("old", 1, D(2010, 1, 1)), a_value("new", 2, D(2020, 1, 1)))
    rules = policy.at(D(2030, 1, 1))
    for day in (D(2025, 1, 1), D(2015, 1, 1), D(2025, 1, 1), D(2005, 1, 1)):
        rules.get("limit", day, {})
    assert list(rules.used) == ["new", "old"]


def horizon(policy: Policy, on: date, known: date) -> date | None:
    """The first later day on which the answer may change."""
    rules = Rules(policy, known)
    rules.find("limit", on, {})
    return rules.horizon


def test_the_horizon_is_the_first_later_day_on_which_an_answer_may_change() -> None:
    """A text that becomes known, a value that begins, one that ends: the earliest after the day of knowledge."""
    known = D(2015, 1, 1)
    begins = a_policy(a_value("old", 1, D(2010, 1, 1)), a_value("new", 2, D(2020, 1, 1), known=D(2010, 1, 1)))
    assert horizon(begins, D(2015, 1, 1), known) == D(2020, 1, 1)
    assert horizon(begins, D(2020, 1, 1), known) is None
    secret = a_policy(a_value("old", 1, D(2010, 1, 1)), a_value("new", 2, D(2012, 1, 1), known=D(2016, 1, 1)))
    assert horizon(secret, D(2015, 1, 1), known) == D(2016, 1, 1)
    ends = a_policy(a_value("span", 1, D(2010, 1, 1), until=D(2018, 3, 27)))
    assert horizon(ends, D(2015, 1, 1), known) == D(2018, 3, 28)
    assert horizon(ends, D(2018, 3, 28), known) is None
    both = a_policy(
        a_value("span", 1, D(2010, 1, 1), until=D(2018, 3, 27)),
        a_value("new", 2, D(2017, 1, 1), known=D(2010, 1, 1)),
    )
    assert horizon(both, D(2015, 1, 1), known) == D(2017, 1, 1)
    past = a_policy(a_value("span", 1, D(2010, 1, 1), until=D(2014, 12, 31)))
    assert horizon(past, D(2014, 12, 31), known) is None  # the day of knowledge itself is not later


def test_of_several_later_days_the_horizon_is_the_first_whatever_their_order() -> None:
    """A value that begins later still does not put it off."""
    known = D(2015, 1, 1)
    values = [a_value(f"from-{y}", y, D(y, 1, 1), known=D(2010, 1, 1)) for y in (2010, 2017, 2020)]
    assert horizon(a_policy(*values), known, known) == D(2017, 1, 1)


def test_what_is_only_named_is_the_value_in_force_and_counts_as_no_answer() -> None:
    """On every day, by every state of knowledge, it is what ``find`` finds; nothing is remembered of it."""
    policy = a_policy(
        a_value("old", 1, D(2010, 1, 1), until=D(2012, 6, 30)),
        a_value("new", 2, D(2012, 1, 1), known=D(2012, 3, 1), until=D(2013, 1, 31)),
        a_value("law", 3, D(2014, 1, 1), known=D(2013, 12, 1)),
    )
    days = [D(2009, 12, 31) + timedelta(days=n) for n in range(1600)]
    for known in (D(2011, 1, 1), D(2012, 2, 29), D(2012, 3, 1), D(2013, 11, 30), D(2013, 12, 1)):
        for day in days:
            rules = policy.at(known)
            assert rules.peek("limit", day, {}) is policy.at(known).find("limit", day, {})
            assert (rules.used, rules.horizon) == ({}, None)


def test_news_about_a_day_off_moves_the_horizon_of_a_rolling_delay() -> None:
    """Every day from the unrolled last one to the rolled one may yet become, or cease to be, a holiday."""
    calendar = Calendar(
        [6, 7],
        [
            Holiday(D(2023, 4, 21), "feast", known=D(2013, 1, 1), until_known=D(2023, 4, 20), estimated=True),
            Holiday(D(2023, 4, 24), "bridge", known=D(2023, 4, 19)),
            Holiday(D(2023, 4, 26), "later", known=D(2023, 4, 10)),
        ],
    )
    policy = a_policy(calendar=calendar)
    count = Count(Period.parse("P5D"), "franc", roll=True)
    rules = policy.at(D(2023, 4, 1))
    assert rules.due(D(2023, 4, 15), count) == D(2023, 4, 24)  # the 21st is a feast, then a weekend
    assert rules.horizon == D(2023, 4, 19)
    later = policy.at(D(2023, 4, 20))
    assert later.due(D(2023, 4, 15), count) == D(2023, 4, 21)
    assert later.horizon is None
    between = policy.at(D(2023, 4, 19))
    assert between.due(D(2023, 4, 15), count) == D(2023, 4, 25)
    assert between.horizon == D(2023, 4, 20)
    assert between.due(D(2023, 4, 15), count, extra=1) == D(2023, 4, 25)
    still = policy.at(D(2023, 4, 1))
    assert still.due(D(2023, 4, 15), Count(Period.parse("P6D"))) == D(2023, 4, 21)
    assert still.horizon is None


def test_a_bare_period_counts_by_the_calendar() -> None:
    """And a count stays what it is."""
    count = Count(Period.parse("P15D"), "franc")
    assert count_of(count) is count
    assert count_of(Period.parse("P15D")) == Count(Period.parse("P15D"))


@pytest.mark.parametrize(
    ("article", "said"),
    [
        (None, "law 1"),
        ("23", "law 1, article 23"),
        ("R431-5", "law 1, article R431-5"),
        ("11 and 20", "law 1, articles 11 and 20"),
        ("21, 25", "law 1, articles 21, 25"),
        ("14 to 17", "law 1, articles 14 to 17"),
        ("23 and following", "law 1, articles 23 and following"),
        ("annex, item 3", "law 1, annex, item 3"),
    ],
)
def test_a_source_is_said_as_lawyers_say_it(article: str | None, said: str) -> None:
    """One article, several, or a place that has no number."""
    assert str(Source("law 1", article)) == said


def test_an_office_is_named_in_the_language_asked_for_or_the_first_one_known() -> None:
    """And by its code where it has no name."""
    office = Office("MA-RAB", {"fr": "Rabat", "ar": "الرباط"})
    assert (office.name("ar"), office.name("de")) == ("الرباط", "Rabat")
    assert Office("MA-X", {}).name("fr") == "MA-X"
