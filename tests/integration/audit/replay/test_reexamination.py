"""Refused applications that a widened criterion would now accept: found, opened again, and decided anew."""

from datetime import date
from typing import Any

import pytest

from permits_engine import Actor, PermitsError
from permits_engine.application import executor
from permits_engine.policies.loading import packaged
from permits_engine.testing import Office
from tests.integration.audit.replay.conftest import refused

ROW = """\
  - {name: opinion.required, value: false, from: 2013-12-16, known: 2018-03-27, rank: circular, confidence: high,
     source: {text: national commission, article: meeting of 27 March 2018},
     applies: {category: [regularisation-2014, regularisation-2016], stage: [application]}}
"""
MA = packaged("MA")
_AT = MA.index("  - {name: term.minimum")
WIDENED = MA[:_AT] + ROW + MA[_AT:]
HIERARCHY = Actor("director", "hierarchy")
DAY = date(2018, 4, 3)


def opened(office: Office) -> tuple[dict[str, int], list[str]]:
    """What reexamining and opening again leads to, and the files found."""
    found = office.engine.replays.reexamine(WIDENED, on=DAY)
    done = office.engine.replays.reopen(found, WIDENED, actor=HIERARCHY, on=DAY)
    return done, [each.permit_id for each in found.accepted]


def test_refused_files_that_would_now_be_accepted_are_found(office: Office) -> None:
    """By the widened text on a day on which it is known; under the one in use, and before, they stay refused."""
    permit_id = refused(office)
    office.title()
    office.at(DAY)
    found = office.engine.replays.reexamine(WIDENED, on=DAY)
    [each] = found.accepted
    assert (found.looked_at, each.permit_id, each.refused_on) == (1, permit_id, date(2017, 2, 10))
    assert any(rule.startswith("ma.opinion.required@") for rule in each.rules)
    assert office.engine.replays.reexamine(MA, on=DAY).still == {"opinion.missing": 1}
    assert office.engine.replays.reexamine(WIDENED, on=date(2018, 3, 26)).still == {"opinion.missing": 1}


def test_conditions_narrow_what_is_looked_at(office: Office) -> None:
    """Attributes with commas, days that are inclusive; what is none of them is refused."""
    women = refused(office)
    men = refused(office, holder_id=office.holder(sex="M", nationality="SYR"), criterion="R4")
    office.at(DAY)

    def found(**where: str) -> set[str]:
        return {x.permit_id for x in office.engine.replays.reexamine(WIDENED, where, on=DAY).accepted}

    assert found() == {women, men}
    assert found(sex="F") == {women}
    assert found(criterion="R4,R6", nationality="SYR") == {men}
    assert found(prefecture="MA-FES") == set()
    assert found(refused_from="2017-02-10", refused_to="2017-02-10") == {women, men}
    assert found(filed_to="2016-12-19") == set()
    for wrong in ({"colour": "red"}, {"filed_from": "soon"}):
        with pytest.raises(PermitsError) as refusal:
            found(**wrong)
        assert refusal.value.code == "input.invalid"


def test_each_is_opened_again_with_its_basis_and_decided_anew(office: Office) -> None:
    """An event by the officer who ordered it, under the adopted text; a receipt; then an ordinary decision."""
    permit_id = refused(office)
    office.at("2018-03-27")
    office.engine.policies.adopt(WIDENED)
    office.at(DAY)
    before = office.engine.permit(permit_id)
    assert opened(office) == ({"opened": 1}, [permit_id])
    view = office.engine.permit(permit_id)
    assert (before.application_status, before.lawful_stay) == ("refused", False)
    assert (view.application_status, view.lawful_stay, view.receipt_until) == (
        "under_review",
        True,
        date(2018, 7, 3),
    )
    earlier = office.engine.permit(permit_id, as_of=date(2018, 4, 2))
    assert (earlier.application_status, earlier.lawful_stay) == ("refused", False)
    told = office.engine.explain(permit_id, view.version - 1)
    assert (told["name"], told["actor"]["id"]) == ("permit.examination_reopened", "director")
    assert "meeting of 27 March 2018" in str([rule["norm"] for rule in told["basis"]["rules"]])
    assert opened(office) == ({"opened": 0}, [])
    office.do("issue_permit", "2018-04-10", permit_id=permit_id)
    assert office.engine.permit(permit_id).title_status == "active"
    assert office.engine.replays.replay().differences == []
    assert office.engine.store.rebuild(check=True).differences == []


def test_only_under_the_text_in_use(office: Office) -> None:
    """A text that was never adopted is no basis of anything."""
    refused(office)
    office.at(DAY)
    with pytest.raises(PermitsError) as found:
        opened(office)
    assert found.value.code == "policy.none_in_force"
    assert "adopt it first" in found.value.message


def test_a_pending_appeal_is_left_to_its_body(office: Office) -> None:
    """It is not opened over the head of the body that is to rule."""
    permit_id = refused(office)
    office.do("lodge_appeal", "2017-02-20", permit_id=permit_id, body="national_commission")
    office.at(DAY)
    assert office.engine.replays.reexamine(WIDENED, on=DAY).still == {"transition.not_allowed": 1}


def test_an_office_opens_its_own_files_only(office: Office) -> None:
    """A decider of another office is refused, file by file, and that is told."""
    refused(office)
    office.at("2018-03-27")
    office.engine.policies.adopt(WIDENED)
    office.at(DAY)
    found = office.engine.replays.reexamine(WIDENED, on=DAY)
    elsewhere = Actor("decider-2", "decider", "MA-FES")
    done = office.engine.replays.reopen(found, WIDENED, actor=elsewhere, on=DAY)
    assert done == {"opened": 0, "actor.wrong_prefecture": 1}


def test_a_batch_that_was_stopped_goes_on(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was opened is not opened again, and the rest is."""
    ids = sorted(refused(office) for _ in range(5))
    office.at("2018-03-27")
    office.engine.policies.adopt(WIDENED)
    office.at(DAY)
    monkeypatch.setattr(executor, "BATCH", 2)
    found = office.engine.replays.reexamine(WIDENED, on=DAY)

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        office.engine.replays.reopen(found, WIDENED, actor=HIERARCHY, on=DAY, progress=stop)
    left = office.engine.replays.reexamine(WIDENED, on=DAY)
    assert 0 < len(left.accepted) < 5
    assert office.engine.replays.reopen(left, WIDENED, actor=HIERARCHY, on=DAY) == {
        "opened": len(left.accepted)
    }
    for permit_id in ids:
        names = [each["name"] for each in office.engine.history(permit_id)]
        assert names.count("permit.examination_reopened") == 1


def test_several_processes_find_the_same(office: Office) -> None:
    """In the same order."""
    for _ in range(3):
        refused(office)
    office.at(DAY)
    given: dict[str, Any] = {"on": DAY}
    replays = office.engine.replays
    assert replays.reexamine(WIDENED, workers=2, **given) == replays.reexamine(WIDENED, **given)
