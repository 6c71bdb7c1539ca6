"""What the clock did before the import is recorded with it, without letters; what lies ahead is as for any file."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from permits_engine.testing import Office
from tests.integration.application.register.conftest import TODAY, Import
from tests.registers import COURSES, GOOD, PENDING, row, rows, write


def only(office: Office) -> str:
    """The one permit of the store."""
    [found] = office.engine.find(limit=None)
    return str(found["permit_id"])


def acts(office: Office, permit_id: str) -> list[tuple[str, str]]:
    """The events of a permit with their legal dates."""
    return [
        (each["name"].removeprefix("permit."), each["effective_on"])
        for each in office.engine.history(permit_id)
    ]


def card(until: date, **changed: str) -> dict[str, str]:
    """An ordinary card of a year that ends on a day."""
    start = until - timedelta(days=364)
    dates = {
        "date_depot": (start - timedelta(days=40)).isoformat(),
        "date_decision": start.isoformat(),
        "date_debut": start.isoformat(),
        "date_fin": until.isoformat(),
    }
    return row(**{"categorie": "ordinary", "critere": "", **dates, **changed})


def suppressed(office: Office, permit_id: str) -> list[tuple[str, str]]:
    """The notices of a permit that will never be sent, with the reason."""
    return [
        (each["kind"], each["reason"])
        for each in office.engine.notices.list(permit_id=permit_id, limit=None)
        if each["state"] == "suppressed"
    ]


def test_a_card_of_2014_has_its_automatic_renewals_and_its_lapse(today: Office, take_over: Import) -> None:
    """Renewed by itself in 2015 and 2016, no more from 10 January 2017, lapsed fifteen days after its end."""
    take_over([GOOD])
    permit_id = only(today)
    assert acts(today, permit_id) == [
        ("application_lodged", "2014-03-10"),
        ("issued", "2014-09-10"),
        ("renewed", "2015-09-09"),
        ("renewed", "2016-09-09"),
        ("lapsed", "2017-09-25"),
    ]
    view = today.engine.permit(permit_id)
    assert (view.title_status, view.term_number, str(view.valid_until)) == ("expired", 3, "2017-09-09")
    assert today.engine.permit(permit_id, as_of=date(2016, 1, 1)).lawful_stay


def test_an_act_of_the_clock_says_that_it_came_with_the_register_and_by_which_rule(
    today: Office, take_over: Import
) -> None:
    """``explain``: the register first, then the rule by which the act fell due; the clock did it."""
    take_over([GOOD])
    told = today.engine.explain(only(today), 3)
    assert told["actor"] == {"id": "scheduler", "role": "scheduler"}
    parameters = [each["parameter"] for each in told["basis"]["rules"]]
    assert parameters == ["register", "renewal.automatic", "term.renewal"]
    register = told["basis"]["rules"][0]
    assert (register["in_force_since"], register["known_since"]) == ("2015-09-09", "2026-06-10")
    fact = today.engine.explain(only(today), 2)
    assert [each["rule"] for each in fact["basis"]["rules"]] == ["register"]


def test_no_letter_is_about_what_was_before_the_import(today: Office, take_over: Import) -> None:
    """Two hundred files of 2014: no pass, on any later day, writes about their past."""
    old = [each for each in rows(200) if each["decision"]]
    assert take_over(old).imported == len(old)
    for days in (0, 1, 7, 30, 365):
        assert today.run_scheduler(TODAY + timedelta(days=days)) == []
    states = {each["state"] for each in today.engine.notices.list(limit=None)}
    assert states == {"suppressed"}
    assert {each["reason"] for each in today.engine.notices.list(limit=None)} == {"before_import"}


def test_the_letter_that_was_not_sent_is_on_record(today: Office, take_over: Import) -> None:
    """``notice.suppressed`` with ``before_import``: the lapse of 2017 was announced to no one."""
    take_over([GOOD])
    assert suppressed(today, only(today)) == [("title_lapsed", "before_import")]


def test_a_pass_for_a_day_before_the_import_sends_nothing(today: Office, take_over: Import) -> None:
    """Also where a pass is asked for an earlier day, on which a reminder would have been due."""
    take_over([card(TODAY + timedelta(days=40))])
    assert today.letters.run_scheduler(date(2026, 5, 25)) == []
    [sent] = today.run_scheduler(TODAY)
    assert (sent["kind"], sent["tier"]) == ("renewal_reminder", "P60D")


def test_a_card_that_expires_soon_gets_its_reminder_at_the_next_pass(
    today: Office, take_over: Import
) -> None:
    """The tier that has begun is useful to the holder, and is sent once; the others follow in their time."""
    take_over([card(TODAY + timedelta(days=40))])
    permit_id = only(today)
    assert suppressed(today, permit_id) == []
    [sent] = today.run_scheduler(TODAY)
    assert (sent["kind"], sent["tier"], sent["to"]) == ("renewal_reminder", "P60D", "holder")
    assert today.run_scheduler(TODAY + timedelta(days=1)) == []
    [later] = today.run_scheduler(TODAY + timedelta(days=10))
    assert later["tier"] == "P30D"


def test_a_card_expired_within_its_window_is_still_reminded(today: Office, take_over: Import) -> None:
    """Five days after its end the holder may still file, and is told so."""
    take_over([card(TODAY - timedelta(days=5))])
    view = today.engine.permit(only(today))
    assert view.title_status == "expired_in_window"
    [sent] = today.run_scheduler(TODAY)
    assert (sent["kind"], sent["tier"]) == ("renewal_reminder", "P1D-after")


def test_a_card_whose_window_closed_yesterday_lapses_with_the_import(
    today: Office, take_over: Import
) -> None:
    """The lapse fell due today, is recorded with the import, and no one is written to."""
    take_over([card(TODAY - timedelta(days=16))])
    permit_id = only(today)
    assert acts(today, permit_id)[-1] == ("lapsed", TODAY.isoformat())
    assert today.run_scheduler(TODAY) == []


def test_a_card_whose_window_closes_today_is_left_to_the_clock(today: Office, take_over: Import) -> None:
    """The last day is still the holder's; the lapse of tomorrow is announced like any other."""
    take_over([card(TODAY - timedelta(days=15))])
    assert acts(today, only(today))[-1][0] == "issued"
    [reminder] = today.run_scheduler(TODAY)
    assert reminder["tier"] == "P10D-after"
    [lapsed] = today.run_scheduler(TODAY + timedelta(days=1))
    assert lapsed["kind"] == "title_lapsed"


def test_an_imported_card_gets_its_deadlines_and_can_be_renewed(today: Office, take_over: Import) -> None:
    """From the import on it is a file like any other: reminded, renewed, and explained."""
    take_over([card(TODAY + timedelta(days=100))])
    permit_id = only(today)
    kinds = {each["kind"]: each["due_on"] for each in today.engine.deadlines(permit_id)}
    assert kinds["title_expiry"] == (TODAY + timedelta(days=100)).isoformat()
    assert kinds["renewal_window_closes"] == (TODAY + timedelta(days=115)).isoformat()
    today.do("request_renewal", TODAY, permit_id=permit_id)
    outcome = today.do("renew_permit", TODAY + timedelta(days=20), permit_id=permit_id)
    assert outcome.events == ("permit.renewed",)
    assert today.engine.permit(permit_id).term_number == 2


@pytest.mark.parametrize("course", COURSES)
def test_no_receipt_is_made_up(course: str, today: Office, take_over: Import) -> None:
    """Registers list no receipts: an old file of any outcome has none, on no day."""
    take_over([row(**COURSES[course])])
    permit_id = only(today)
    assert not {"receipt_issued", "receipt_extended"} & {name for name, _ in acts(today, permit_id)}
    for day in (
        date(2014, 3, 10),
        date(2014, 9, 9),
        date(2014, 9, 10),
        date(2014, 9, 11),
        date(2015, 1, 1),
        TODAY,
    ):
        view = today.engine.permit(permit_id, as_of=day)
        assert (view.receipt_until, view.receipt_paper_until) == (None, None)
        assert view.standing["because"] != "receipt"


def test_an_open_file_of_the_register_keeps_its_lawful_stay(today: Office, take_over: Import) -> None:
    """The request itself is the ground; its silence refuses, and takes no power and no stay away."""
    take_over([row(**PENDING), row(numero_dossier="2", **COURSES["pending"])])
    for found in today.engine.find(limit=None):
        view = today.engine.permit(str(found["permit_id"]))
        assert view.standing["because"] == "pending_request"
        assert set(suppressed(today, view.permit_id)) <= {("office_alert", "before_import")}
    assert today.run_scheduler(TODAY) == []


def test_silence_before_the_import_is_recorded_as_a_refusal(today: Office, take_over: Import) -> None:
    """An ordinary request of 2025 without a decision: refused by silence, no office alert about that day."""
    waiting = PENDING | {"categorie": "ordinary", "critere": "", "date_depot": "2025-11-03"}
    take_over([row(**waiting)])
    permit_id = only(today)
    assert ("implicitly_refused", "2026-01-06") in acts(today, permit_id)
    assert today.engine.permit(permit_id).application_status == "implicitly_refused"
    assert today.run_scheduler(TODAY) == []


def test_a_deadline_ahead_of_an_open_file_is_announced_to_its_office(
    today: Office, take_over: Import
) -> None:
    """The office is told of the decision that will be due, as for any file."""
    waiting = PENDING | {"categorie": "ordinary", "critere": "", "date_depot": "2026-05-20"}
    take_over([row(**waiting)])
    assert today.run_scheduler(TODAY) == []
    found: list[dict[str, Any]] = today.run_scheduler("2026-07-14")
    assert [(each["kind"], each["to"]) for each in found] == [("office_alert", "prefecture")]


def test_a_card_of_2014_imported_in_2016_is_renewed_by_itself_in_time(office: Office, tmp_path: Path) -> None:
    """On 1 December 2016 its third term runs; nothing is recorded that has not happened yet."""
    office.engine.store.import_register(write(tmp_path / "register.csv", [GOOD]))
    permit_id = only(office)
    assert acts(office, permit_id)[-1] == ("renewed", "2016-09-09")
    assert office.engine.permit(permit_id).title_status == "active"
    office.run_scheduler("2017-06-20")
    assert office.letters.about(permit_id)[0]["tier"] == "P90D"
