"""What people ask about their own data, and the time that the law gives for the answer."""

from datetime import date

import pytest

from permits_engine import Actor, PermitsError
from permits_engine.testing import Office
from tests.integration.application.privacy.conftest import ADMINISTRATOR, ended, holder_of


@pytest.mark.parametrize("right", ["access", "rectification", "erasure", "opposition"])
def test_a_request_is_answered_in_ten_full_days(office: Office, right: str) -> None:
    """Neither the day on which it came nor the last one counts (law 09-08): 1 June and ten clear days, 12 June."""
    holder_id = office.holder()
    office.at("2017-06-01")
    made = office.do("record_data_request", "2017-06-01", holder_id=holder_id, right=right)
    [request] = office.engine.privacy.data_requests()
    assert request == {
        "holder_id": holder_id,
        "version": made.version,
        "right": right,
        "received_on": "2017-06-01",
        "due_on": "2017-06-12",
        "answered_on": None,
        "outcome": None,
        "state": "open",
    }
    [event] = [x for x in office.engine.subscribe(timeout=0) if x["name"] == "holder.request_recorded"]
    assert event["basis"]["rules"] == ("ma.requests.answer@2009-02-18",)
    state = {day: office.engine.privacy.data_requests(on=date(2017, 6, day))[0]["state"] for day in (12, 13)}
    assert state == {12: "open", 13: "overdue"}
    office.do(
        "answer_data_request",
        "2017-06-12",
        ADMINISTRATOR,
        holder_id=holder_id,
        of_version=made.version,
        outcome="granted",
    )
    [request] = office.engine.privacy.data_requests(holder_id)
    assert (request["state"], request["answered_on"]) == ("answered", "2017-06-12")


def test_an_office_elsewhere_counts_by_its_own_law(office: Office) -> None:
    """In France one month from the day on which it came (GDPR, article 12(3))."""
    holder_id = office.holder()
    counter = Actor("agent-1", "counter", "FR-75")
    office.at("2022-03-01")
    office.do("record_data_request", "2022-03-01", counter, holder_id=holder_id, right="access")
    assert office.engine.privacy.data_requests()[0]["due_on"] == "2022-04-01"


def test_what_is_not_open_is_not_answered_or_lifted(office: Office) -> None:
    """The refusal names what is open."""
    holder_id = office.holder()
    made = office.do("record_data_request", "2017-06-01", holder_id=holder_id, right="access")
    for name, more in (("answer_data_request", {"outcome": "refused"}), ("lift_hold", {})):
        with pytest.raises(PermitsError) as caught:
            office.do(name, "2017-06-02", ADMINISTRATOR, holder_id=holder_id, of_version=1, **more)
        assert caught.value.code == "transition.not_allowed"
    assert caught.value.details["state"] == {"open": []}
    with pytest.raises(PermitsError) as caught:
        office.do("place_hold", "2017-06-02", holder_id=holder_id, norm="x", actor=office.actor("counter"))
    assert caught.value.code == "actor.not_competent"
    assert made.version == 2


def test_an_erasure_answers_the_request_for_it(office: Office) -> None:
    """The request for erasure is answered by the erasure itself; after it nothing can be asked any more."""
    holder_id = holder_of(office, ended(office))
    office.do("record_data_request", "2017-06-01", holder_id=holder_id, right="erasure")
    done = office.engine.privacy.erase(holder_id, reason="asked for", actor=ADMINISTRATOR)
    assert done["events"] == ["holder.request_answered", "holder.erased"]
    assert office.engine.privacy.data_requests()[0]["state"] == "answered"
    with pytest.raises(PermitsError) as caught:
        office.do("record_data_request", "2017-06-03", holder_id=holder_id, right="access")
    assert caught.value.code == "holder.erased"
    with pytest.raises(PermitsError) as caught:
        office.do(
            "record_data_request",
            "2017-06-03",
            holder_id="01890a5d-ac96-774b-bcce-b302099a8057",
            right="access",
        )
    assert caught.value.code == "holder.not_found"


def test_requests_are_found_by_an_index_of_their_own(office: Office) -> None:
    """Among the events of a whole country few are of this kind: the database looks at those alone."""
    from permits_engine.store.database.transactions import Statement
    from permits_engine.store.events import history

    plan = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[office.engine.database.dialect]
    with office.engine.database.read() as tx:
        if office.engine.database.dialect == "postgresql":
            tx.run(Statement("SET LOCAL enable_seqscan = off"))
        text = history._ASKED.ready(tx.dialect, {})[0]
        told = " ".join(map(str, tx.all(Statement(plan + text))))
    assert "events_asked" in told
