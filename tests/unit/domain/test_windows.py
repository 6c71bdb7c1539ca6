"""A window shown is a window kept: a request is received on every day of it and no other, if no rule changes."""

from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from permits_engine.domain.errors import PermitsError
from permits_engine.domain.permit.deadlines import deadlines
from permits_engine.domain.permit.fold import fold
from permits_engine.policies.loading import compile_text, packaged, packaged_codes
from tests.unit.domain.lives import ONE_DAY, PERMIT, File

FIRST = {"MA": date(2010, 5, 3), "FR": date(2021, 5, 3), "ES": date(2011, 7, 4)}
"""From when a country's text is known here; a country without an entry is asked from 2024 on."""
SEEN = st.sampled_from([0, 1, 40, 180, 300, 310, 364, 366, 372])


def titled(country: str, filed: date, category: str) -> File:
    """A file with its first title; no example where the category asks for more than a filing."""
    file = File(country, category, filed)
    campaign = category.startswith("regularisation")
    try:
        file.do("lodge_application", missing=[], criterion="R5" if campaign else None)
        if campaign:
            file.do("record_opinion", body="local_commission", favourable=True, reasons="seen")
        file.do("issue_permit")
    except PermitsError:
        assume(False)
    return file


def answer(file: File, seen: date, day: date) -> str:
    """The answer to a request of a day by the rules known when the window was seen."""
    other = File(file.jurisdiction, file.category, day, known=seen)
    other.history, other.permit = list(file.history), fold(PERMIT, file.history)
    try:
        other.do("request_renewal", missing=[])
    except PermitsError as problem:
        return problem.code
    return ""


@pytest.mark.parametrize("country", packaged_codes())
@given(data=st.data(), later=SEEN)
def test_every_day_of_a_window_that_is_shown_receives_a_request(
    country: str, data: st.DataObject, later: int
) -> None:
    """Each day is judged by the rule in force on it, and shown so before it comes."""
    filed = data.draw(st.dates(FIRST.get(country, date(2024, 1, 1)), date(2026, 12, 1)))
    listed = compile_text(packaged(country)).at(filed).need("categories", filed, {})
    file = titled(country, filed, data.draw(st.sampled_from(sorted(listed))))
    seen = filed + timedelta(days=later)
    file.today = seen
    s = file.situation()
    assume(s.term is not None and not s.automatic and s.term.number == 1)
    assert s.term is not None
    shown = {d.kind: d.due_on for d in deadlines(s) if d.kind.startswith("renewal_window")}
    closes, opens = shown.get("renewal_window_closes"), shown.get("renewal_window_opens")
    assume(closes is not None)
    assert closes is not None
    if opens is not None:
        assert answer(file, seen, opens - ONE_DAY) == "window.not_open"
    first = max(seen, opens or seen)
    near = {first + timedelta(days=n) for n in (0, 1, 2)} | {closes - timedelta(days=n) for n in (0, 1, 2)}
    near |= {s.term.valid_until + timedelta(days=n) for n in (0, 1)}
    near |= {date(2025, 5, 20) + timedelta(days=n) for n in (-1, 0, 1)}  # the reform of Spain
    for day in sorted(day for day in near if first <= day <= closes):
        assert answer(file, seen, day) == "", f"{day} of {first} to {closes}, seen on {seen}"
    assert answer(file, seen, closes + ONE_DAY) == "window.closed"
