"""Titles that depend on a family member's, through the façade and the scheduler, on both databases."""

from datetime import date

from permits_engine.scheduler.delivery.memory import sink_routes
from permits_engine.scheduler.passes.run import run_pass
from tests.acts import REVOKED, fact
from tests.integration.application.conftest import COURT, DECIDER, Office


def a_pair(office: Office, term: str = "P1Y") -> tuple[str, str]:
    """A husband's card and his wife's, which depends on it, both of 1 October 2018."""
    office.at("2018-10-01")
    his = office.application(holder_id=office.holder(), category="ordinary", criterion=None, on="2018-10-01")
    office.do("issue_permit", "2018-10-01", DECIDER, permit_id=his, term=term)
    hers = office.application(holder_id=office.holder(), category="ordinary", criterion=None, on="2018-10-01")
    office.do("record_fact", "2018-10-01", permit_id=hers, of=his, **fact("spouse_of_resident", "2010-06-01"))
    office.do("issue_permit", "2018-10-01", DECIDER, permit_id=hers, term="P5Y")
    return his, hers


def names(office: Office, permit_id: str) -> list[str]:
    """The events of a file by their names."""
    return [event["name"] for event in office.engine.history(permit_id)]


def test_a_tie_is_on_both_files(office: Office) -> None:
    """The one that hangs names the other in a fact, and the other is told of it: no table, no lookup."""
    his, hers = a_pair(office)
    assert office.engine.permit(hers).principal == {
        "permit_id": his,
        "kind": "spouse_of_resident",
        "since": "2010-06-01",
        "ended_on": None,
        "how": None,
        "effect": None,
    }
    assert office.engine.history(his)[-1]["dependent"] == hers


def test_the_end_of_a_title_is_told_in_the_transaction_that_ends_it(office: Office) -> None:
    """A withdrawal, its annulment, and both read models as a rebuild makes them."""
    his, hers = a_pair(office)
    office.do("revoke_permit", "2019-03-04", DECIDER, permit_id=his, **REVOKED)
    told = office.engine.permit(hers, as_of=date(2019, 3, 4)).principal
    assert told is not None
    assert (told["how"], told["effect"]) == ("revoked", "renewal")
    assert office.engine.permit(hers, as_of=date(2019, 3, 3)).principal["ended_on"] is None
    assert office.engine.permit(hers).title_status == "active"
    office.do("lodge_appeal", "2019-03-05", permit_id=his, body="administrative_tribunal")
    office.do("decide_appeal", "2019-03-06", COURT, permit_id=his, outcome="upheld", reasons="unfounded")
    assert names(office, hers)[-2:] == ["permit.principal_ended", "permit.principal_restored"]
    assert office.engine.permit(hers, as_of=date(2019, 3, 5)).principal["how"] is None
    assert office.engine.store.rebuild(check=True).differences == []


def test_the_pass_that_ends_a_title_tells_those_that_depend_on_it_once(office: Office) -> None:
    """However late the pass: the end bears its legal day, is told once, and ``due`` announces it."""
    his, hers = a_pair(office)
    routes, _ = sink_routes()
    office.at("2019-11-04")
    foreseen = [row for row in office.engine.preview(on=date(2019, 11, 4)) if row["permit_id"] == hers]
    assert {"permit_id": hers, "does": "permit.principal_ended", "on": "2019-10-16"} in foreseen
    report = run_pass(office.engine.context, routes, on=date(2019, 11, 4))
    assert report.acts["permit.principal_ended"] == 1
    assert names(office, his)[-1] == "permit.lapsed"
    assert office.engine.history(hers)[-1]["effective_on"] == "2019-10-16"
    assert "permit.principal_ended" not in run_pass(office.engine.context, routes, on=date(2019, 11, 4)).acts
    office.at("2019-11-05")
    assert "permit.principal_ended" not in run_pass(office.engine.context, routes, on=date(2019, 11, 5)).acts
    assert office.engine.store.rebuild(check=True).differences == []


def test_a_tie_to_a_title_that_has_ended_says_so_at_once(office: Office) -> None:
    """A tie that is recorded late names the state of the title above."""
    his, _ = a_pair(office)
    office.do("revoke_permit", "2019-03-04", DECIDER, permit_id=his, **REVOKED)
    child = office.application(
        holder_id=office.holder(), category="ordinary", criterion=None, on="2019-03-05"
    )
    office.do("record_fact", "2019-03-05", permit_id=child, of=his, **fact("child_of_resident", "2001-01-01"))
    assert names(office, child)[-1] == "permit.principal_ended"
    assert office.engine.permit(child).principal["how"] == "revoked"


def test_one_transaction_of_many_commands_tells_as_one_by_one(office: Office) -> None:
    """Withdrawals of a batch reach the titles below in the same transaction, in their order."""
    from permits_engine.commands import parse

    his, hers = a_pair(office)
    office.at("2019-03-04")
    commands = [
        parse("replace_card", {"permit_id": hers, "reason": "lost"}),
        parse("revoke_permit", {"permit_id": his, **REVOKED}),
        parse("close_permit", {"permit_id": his, "reason": "departed"}),
    ]
    answers = list(office.engine.execute_many([(commands[1], DECIDER), (commands[2], DECIDER)]))
    assert [answer.events for answer in answers] == [("permit.revoked",), ("permit.closed",)]
    assert [x["how"] for x in office.engine.history(hers) if x["name"] == "permit.principal_ended"] == [
        "revoked",
        "departed",
    ]
    assert office.engine.store.rebuild(check=True).differences == []
