"""Control across permits: an officer's acts, decisions that fail a quality check, who looked at whom, a sample."""

from datetime import date

import pytest

from permits_engine import Actor, PermitsError
from permits_engine.audit.replay import sources
from permits_engine.testing import Office
from tests.integration.audit.replay.conftest import refused, renewed

FIRST, LAST = date(2017, 1, 1), date(2017, 12, 31)


def test_what_an_officer_did_is_told_act_by_act(office: Office) -> None:
    """In order, with legal date, recording, role and stream; nothing of others, nothing outside the days."""
    permit_id = renewed(office)
    found = list(office.engine.audit.acts("decider-1", first=FIRST, last=LAST))
    assert [(x["event"], x["on"], x["stream"], x["version"]) for x in found] == [
        ("permit.issued", "2017-02-01", permit_id, 4)
    ]
    assert (found[0]["role"], found[0]["prefecture"]) == ("decider", "MA-RAB")
    assert found[0]["recorded_at"].startswith("2017-02-01T")
    every = [x["event"] for x in office.engine.audit.acts("decider-1")]
    assert every == ["permit.issued", "permit.renewed"]
    assert list(office.engine.audit.acts("decider-9")) == []


def test_the_days_may_be_those_of_the_recording(office: Office) -> None:
    """An act of 2017 that was recorded in 2018 is found by either, as asked."""
    permit_id = office.title()
    office.at("2018-01-10")
    office.do("record_exit", "2017-12-20", permit_id=permit_id)
    days = {"first": date(2018, 1, 1), "last": date(2018, 12, 31)}
    assert [x["event"] for x in office.engine.audit.acts("counter-1", recorded=True, **days)] == [
        "permit.exit_recorded"
    ]
    assert list(office.engine.audit.acts("counter-1", **days)) == []


def test_everybody_is_counted_by_what_they_did(office: Office) -> None:
    """Actor, role, office and act; with the scheduler among them."""
    renewed(office)
    counts = {(x["actor"], x["event"]): x["count"] for x in office.engine.audit.acts_counted()}
    assert counts["decider-1", "permit.renewed"] == 1
    assert counts["scheduler", "permit.receipt_extended"] == 1
    assert counts["counter-1", "holder.registered"] == 1


def test_decisions_that_fail_a_quality_check_are_found(office: Office) -> None:
    """A refusal told by word of mouth only; the one that was regularly notified passes."""
    good = refused(office)
    bad = office.application()
    why = {"reasons_in_fact": "nothing shows the years", "reasons_in_law": "circular of 2016"}
    office.do("refuse_application", "2017-03-10", permit_id=bad, **why)
    office.do("notify_decision", "2017-03-13", permit_id=bad, mode="oral")
    found = office.engine.audit.controlled(first=FIRST, last=LAST)
    assert (found.decisions, found.failing, found.by_gate) == (2, 1, {"notified_in_writing": 1})
    [row] = found.rows
    assert (row["permit_id"], row["actor"], row["office"]) == (bad, "decider-1", "MA-RAB")
    assert row["failed"][0]["gate"] == "notified_in_writing"
    assert office.engine.audit.controlled(last=date(2017, 2, 28)).rows == []
    assert good != bad


def test_time_effects_are_no_officers_decisions(office: Office) -> None:
    """A lapse and an extended receipt are not controlled."""
    office.title()
    office.run_scheduler("2018-02-20")
    assert office.engine.audit.controlled().decisions == 1


def test_a_sample_is_drawn_by_its_seed_alone(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed draws the same decisions, however the work is divided; another seed draws others."""
    for _ in range(9):
        office.title()
    drawn = office.engine.audit.controlled(sample=4, seed=2017)
    assert (drawn.decisions, len(drawn.rows)) == (9, 4)
    monkeypatch.setattr(sources, "PART", 2)
    assert office.engine.audit.controlled(sample=4, seed=2017, workers=2).rows == drawn.rows
    others = [office.engine.audit.controlled(sample=4, seed=seed).rows for seed in range(5)]
    assert any(rows != drawn.rows for rows in others)
    assert len(office.engine.audit.controlled(sample=50, seed=1).rows) == 9
    office.title()
    more = {row["lot"] for row in office.engine.audit.controlled(sample=4, seed=2017).rows}
    assert len(more & {row["lot"] for row in drawn.rows}) >= 3  # a new decision displaces one at most


def test_who_looked_at_whom_is_told(office: Office) -> None:
    """Reader, person and day, of all or of one person; not what for, which is for the person."""
    permit_id = office.title(file_number="RAB/1")
    holder_id = office.engine.permit(permit_id).holder_id
    reader = Actor("inspector", "auditor")
    office.engine.as_(reader, purpose="complaint 3/2017").permit(permit_id)
    [look] = office.engine.audit.looks()
    assert (look["reader"], look["holder_id"], look["role"]) == ("inspector", holder_id, "auditor")
    assert "purpose" not in look
    assert [x["reader"] for x in office.engine.audit.looks(holder_id=holder_id)] == ["inspector"]
    assert list(office.engine.audit.looks("counter-1")) == []
    assert list(office.engine.audit.looks(first=date(2020, 1, 1))) == []


def test_days_in_the_wrong_order_and_a_sample_of_nothing_are_refused(office: Office) -> None:
    """Named as the field that is wrong."""
    with pytest.raises(PermitsError) as found:
        office.engine.audit.controlled(first=LAST, last=FIRST)
    assert found.value.code == "input.invalid"
    with pytest.raises(PermitsError) as found:
        office.engine.audit.controlled(sample=0)
    assert found.value.code == "input.invalid"
