"""Two states of knowledge of one permit: which fields differ, and which event or rule did it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from permits_engine import PermitsError
from permits_engine.policies.loading import packaged
from tests.acts import correction
from tests.integration.application.conftest import COUNTER, DECIDER, Office

WHY = {"reasons_in_fact": "x", "reasons_in_law": "y"}


def by_field(found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Before and after of each field that differs."""
    return {each["field"]: (each["before"], each["after"]) for each in found["fields"]}


def causes(found: dict[str, Any], field: str) -> list[dict[str, Any]]:
    """What made a field differ."""
    [each] = [each for each in found["fields"] if each["field"] == field]
    because: list[dict[str, Any]] = each["because"]
    return because


def test_an_act_recorded_late_is_named_with_what_it_changed(office: Office) -> None:
    """The notification of a revocation, known two months later, ends the stay on the day in between."""
    permit_id = office.title()
    office.do(
        "revoke_permit", "2017-05-02", DECIDER, permit_id=permit_id, ground="documents-not-furnished", **WHY
    )
    office.at("2017-06-30")
    before = office.clock.instant
    office.at("2017-07-03")
    office.do("notify_decision", "2017-05-03", permit_id=permit_id, mode="written", proof="receipt")
    found = office.engine.queries.diff(permit_id, before, as_of=date(2017, 6, 1))
    assert by_field(found)["lawful_stay"] == (True, False)
    [cause] = causes(found, "lawful_stay")
    assert cause["event"]["name"] == "permit.decision_notified"
    assert (cause["event"]["version"], cause["event"]["effective_on"]) == (6, "2017-05-03")
    assert cause["event"]["recorded_at"].startswith("2017-07-03")
    assert set(by_field(found)) == {"lawful_stay", "standing", "deadlines"}
    assert found["versions"] == [5, 6]


def test_a_correction_is_named_with_what_it_corrects(office: Office) -> None:
    """The end of a term put right, and nothing else said to differ by it."""
    permit_id = office.title()
    office.at("2017-04-01")
    before = office.clock.instant
    right = correction(4, "valid_until", "2018-01-30")
    office.do("correct_record", "2017-04-03", DECIDER, permit_id=permit_id, **right)
    found = office.engine.queries.diff(permit_id, before, office.clock.instant, as_of=date(2017, 3, 1))
    assert by_field(found)["valid_until"] == ("2018-01-31", "2018-01-30")
    [cause] = causes(found, "valid_until")
    assert (cause["event"]["of_version"], cause["event"]["corrects"]) == (4, "valid_until")


def test_an_adopted_policy_is_named_with_its_rules(office: Office) -> None:
    """Another text in use: the window closes later, by the rule that says so now and the one that did before."""
    permit_id = office.title()
    office.at("2018-01-02")
    before = office.clock.instant
    office.at("2018-01-03")
    office.engine.policies.adopt(
        packaged("MA").replace(
            "name: renewal.closes, value: P15D, from: 2010-04-19",
            "name: renewal.closes, value: P45D, from: 2010-04-19",
        )
    )
    found = office.engine.queries.diff(permit_id, before, as_of=date(2018, 1, 10))
    assert set(by_field(found)) == {"deadlines"}
    [cause] = causes(found, "deadlines")
    assert cause["event"]["name"] == "policy.adopted"
    assert [(x["parameter"], x["value"]) for x in cause["rules"]] == [("renewal.closes", "P45D")]
    assert [x["value"] for x in cause["instead_of"]] == ["P15D"]


def test_a_rule_published_later_is_named_with_its_day(office: Office) -> None:
    """A rule that works back changes the past for anyone who asks after its publication, without any event."""
    row = (
        "  - {name: renewal.closes, value: P60D, from: 2017-06-01, known: 2018-02-05, rank: law, confidence: high,\n"
        "     source: {text: a law of 2018 that works back}, applies: {stage: [renewal]}}\n"
    )
    text = packaged("MA")
    at = text.index("  - {name: term.minimum")
    office.engine.policies.adopt(text[:at] + row + text[at:])
    permit_id = office.title()
    office.at("2018-02-04")
    before = office.clock.instant
    office.at("2018-03-20")
    found = office.engine.queries.diff(permit_id, before, as_of=date(2018, 3, 20))
    assert by_field(found)["title_status"] == ("expired", "expired_in_window")
    [cause] = causes(found, "title_status")
    assert cause["published_on"] == "2018-02-05"
    assert "a law of 2018 that works back" in [each["norm"] for each in cause["rules"]]
    assert found["versions"] == [4, 4]


def test_before_anything_was_recorded_there_was_nothing(office: Office) -> None:
    """Every field has come with an event."""
    early = datetime(2016, 12, 1, tzinfo=UTC)
    permit_id = office.title()
    found = office.engine.queries.diff(permit_id, early, as_of=date(2017, 6, 1))
    assert by_field(found)["title_status"] == (None, "active")
    assert [each["event"]["name"] for each in causes(found, "valid_until")] == ["permit.issued"]


def test_the_same_moment_twice_differs_in_nothing(office: Office) -> None:
    """And what only time does is no difference of knowledge."""
    permit_id = office.title()
    now = office.clock.instant
    assert office.engine.queries.diff(permit_id, now, now)["fields"] == []


def test_moments_beyond_the_head_or_in_the_wrong_order_are_refused(office: Office) -> None:
    """Neither is answered silently; a moment without an offset is none."""
    permit_id = office.title()
    now, late = office.clock.instant, datetime(2030, 1, 1, tzinfo=UTC)
    early = datetime(2017, 1, 25, tzinfo=UTC)
    for first, second, code in (
        (late, None, "position.beyond_head"),
        (early, late, "position.beyond_head"),
        (now, early, "input.invalid"),
        (datetime(2017, 1, 25), now, "input.invalid"),
    ):
        with pytest.raises(PermitsError) as found:
            office.engine.queries.diff(permit_id, first, second)
        assert found.value.code == code


def test_numbers_are_for_those_who_may_see_them(office: Office) -> None:
    """A card number that came later is shown through the reader, whose look is noted."""
    permit_id = office.title()
    office.at("2017-04-01")
    before = office.clock.instant
    office.do("replace_card", "2017-04-03", COUNTER, permit_id=permit_id, reason="lost", card_number="L-77")
    assert "card_number" not in by_field(office.engine.queries.diff(permit_id, before))
    seen = office.engine.as_(COUNTER).queries.diff(permit_id, before)
    assert by_field(seen)["card_number"] == (None, "L-77")
    holder_id = office.engine.permit(permit_id).holder_id
    assert [each["reader"]["id"] for each in office.engine.as_(COUNTER).queries.accesses(holder_id)] == [
        COUNTER.id
    ]


def test_a_history_is_told_on_both_axes(office: Office) -> None:
    """What was recorded by a moment, what has a legal date until a day, and both; the same for deadlines."""
    permit_id = office.title()
    office.at("2017-03-01")
    then = office.clock.instant
    office.at("2017-03-02")
    office.do("record_exit", "2017-02-20", permit_id=permit_id)
    engine = office.engine

    def names(**given: Any) -> list[str]:
        return [each["name"].removeprefix("permit.") for each in engine.history(permit_id, **given)]

    assert names()[-1] == "exit_recorded"
    assert names(known_at=then)[-1] == "issued"
    assert names(as_of=date(2017, 1, 20))[-1] == "opinion_recorded"
    assert names(as_of=date(2017, 3, 1), known_at=then)[-1] == "issued"
    on = date(2017, 6, 1)
    kinds = [
        {each["kind"] for each in engine.deadlines(permit_id, on=on, known_at=at)} for at in (None, then)
    ]
    assert kinds[0] - kinds[1] == {"absence_limit"}
    before_filing = datetime(2016, 12, 20, 12, tzinfo=UTC)
    stay = [
        engine.queries.rights(permit_id, on=on, known_at=at)[0]["because"] for at in (None, before_filing)
    ]
    assert stay[0] != stay[1]
    for ask in (engine.history, engine.deadlines, engine.queries.rights):
        with pytest.raises(PermitsError) as found:
            ask(permit_id, known_at=datetime(2030, 1, 1, tzinfo=UTC))
        assert found.value.code == "position.beyond_head"
