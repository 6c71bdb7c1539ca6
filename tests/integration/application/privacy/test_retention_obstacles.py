"""What prevents an erasure: an open procedure, a title in force, a duty to keep with its norm."""

import pytest

from permits_engine.testing import Office
from tests.acts import REASONED
from tests.integration.application.privacy.conftest import ADMINISTRATOR, ended, erase, holder_of, refused


@pytest.mark.parametrize("closed", [False, True], ids=["under review", "closed"])
def test_an_open_procedure_prevents_erasure(office: Office, closed: bool) -> None:
    """``holder.held`` names what is open, the file and the norm; nothing is written. Once it is over the data go."""
    permit_id = office.application()
    holder_id = holder_of(office, permit_id)
    before = office.position()
    problem = refused("holder.held", lambda: erase(office, holder_id))
    [hold] = problem.details["holds"]
    assert (hold["kind"], hold["permit_id"]) == ("open_procedure", permit_id)
    assert "09-08" in hold["norm"]
    assert office.position() == before
    assert office.engine.privacy.obstacles(holder_id) == [hold]
    if closed:
        office.do("close_permit", "2017-01-02", permit_id=permit_id, reason="departed")
        assert office.engine.privacy.obstacles(holder_id) == []
        assert erase(office, holder_id)["erased"]


def test_a_title_in_force_prevents_erasure(office: Office) -> None:
    """Until the last day on which its renewal may be asked for."""
    holder_id = holder_of(office, office.title())
    problem = refused("holder.held", lambda: erase(office, holder_id))
    assert [each["kind"] for each in problem.details["holds"]] == ["title_in_force"]
    assert problem.details["holds"][0]["until"] == "2018-02-15"
    office.at("2018-03-01")
    assert erase(office, holder_id)["erased"]


def test_a_refusal_that_can_be_contested_prevents_erasure(office: Office) -> None:
    """While the time to appeal runs, anyone who appeals has to be known."""
    permit_id = office.application()
    office.do("refuse_application", "2017-02-01", permit_id=permit_id, **REASONED)
    office.do("notify_decision", "2017-02-02", permit_id=permit_id, mode="written", proof="signed")
    holder_id = holder_of(office, permit_id)
    problem = refused("holder.held", lambda: erase(office, holder_id))
    assert {each["kind"] for each in problem.details["holds"]} == {"open_procedure"}


def test_a_duty_to_keep_prevents_erasure(office: Office) -> None:
    """A hold placed by its norm, until it is lifted or its day has passed."""
    holder_id = holder_of(office, ended(office))
    placed = office.do(
        "place_hold", "2017-06-01", ADMINISTRATOR, holder_id=holder_id, norm="order 12/2017 of the tribunal"
    )
    problem = refused("holder.held", lambda: erase(office, holder_id))
    assert problem.details["holds"] == [
        {
            "kind": "hold",
            "because": "a duty to keep was placed on this person",
            "norm": "order 12/2017 of the tribunal",
        }
    ]
    office.do("lift_hold", "2017-06-02", ADMINISTRATOR, holder_id=holder_id, of_version=placed.version)
    office.do(
        "place_hold", "2017-06-03", ADMINISTRATOR, holder_id=holder_id, norm="loi 69-99", until="2017-07-01"
    )
    refused("holder.held", lambda: erase(office, holder_id))
    office.at("2017-07-02")
    assert erase(office, holder_id)["erased"]


def test_the_archives_duty_is_policy_and_ends_by_their_agreement(office: Office) -> None:
    """Where an adopted policy has a floor, data stay until then, or until the archives agree."""
    from permits_engine.policies.loading import packaged

    floor = "    applies: {data: [person]}\n    value: unset"
    text = packaged("MA")
    assert text.count(floor) == 1
    office.at("2017-05-03")
    office.engine.policies.adopt(text.replace(floor, floor.replace("unset", "P3Y")))
    holder_id = holder_of(office, ended(office, day="2017-05-04"))
    problem = refused("holder.held", lambda: erase(office, holder_id))
    [hold] = problem.details["holds"]
    assert (hold["kind"], hold["until"]) == ("archive_duty", "2020-05-04")
    assert "69-99" in hold["norm"]
    done = erase(office, holder_id, archive_agreement="AM/2017/113")
    assert done["events"] == ["holder.erased"]
