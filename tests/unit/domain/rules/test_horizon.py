"""A day on which the rules may answer differently is known beforehand, so that no one need look before."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from permits_engine.domain.rules.policy import count_of
from permits_engine.policies.loading import compile_text, packaged

MA = compile_text(packaged("MA"))
DAYS = st.dates(date(2013, 2, 1), date(2021, 12, 1))
FILE = MA.scope("regularisation-2014", "registration_card", "application")


@given(DAYS, st.integers(0, 60), st.integers(0, 200))
def test_a_due_day_changes_only_on_the_horizon(start: date, length: int, later: int) -> None:
    """Holidays are announced late; until the day that the rules name, the due day stays what it was."""
    limit = count_of(MA.at(date(2026, 1, 1)).need("departure.limit", start, FILE))
    limit = type(limit)(type(limit.length)(days=length), "franc", True)
    rules = MA.at(start)
    first = rules.due(start, limit)
    asked = start + timedelta(days=later)
    if rules.horizon is None or asked < rules.horizon:
        assert MA.at(asked).due(start, limit) == first


@given(DAYS, DAYS, st.sampled_from(["renewal.automatic", "term.renewal", "renewal.expedited", "appeal.sits"]))
def test_a_value_changes_only_on_the_horizon(known: date, asked: date, name: str) -> None:
    """A rule published later is watched for, and one for other circumstances is not."""
    scope = MA.scope("regularisation-2014", "registration_card", "renewal", {"body": "national_commission"})
    rules = MA.at(known)
    found = rules.find(name, known, scope)
    if known <= asked and (rules.horizon is None or asked < rules.horizon):
        assert MA.at(asked).find(name, known, scope) == found


def test_circumstances_given_in_any_way_select_the_same_value() -> None:
    """What a file remembers of its circumstances never differs from asking anew."""
    day = date(2017, 2, 1)
    for name in MA.parameters:
        for stage in ("application", "renewal"):
            for body in (None, "administrative_tribunal", "gracious"):
                more = {"body": body, "against": "refusal"} if body else {}
                scope = MA.scope("regularisation-2014", "registration_card", stage, more)
                assert MA.at(day).find(name, day, scope) == MA.at(day).find(name, day, dict(scope))
