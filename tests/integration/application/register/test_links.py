"""Two records of one person: said by a human, looked at together, and taken back."""

import pytest

from permits_engine import Actor, Engine, PermitsError
from permits_engine.application.outcome import Outcome
from permits_engine.testing import Office
from tests.acts import ADVISED
from tests.integration.application.register.conftest import Import
from tests.registers import row

ELSE = {"given_names": "Aminata Fatou"}


def link(office: Office, one: str, other: str, *, undo: bool = False, **more: object) -> Outcome:
    """The counter says that two holders are one person, or that they are not."""
    name = "unlink_holders" if undo else "link_holders"
    fields = {"holder_id": one, "other_id": other, "reason": "the same passport"} | more
    return office.do(name, "2017-03-01", office.actor("counter"), **fields)


def linked(engine: Engine, holder_id: str) -> tuple[str, ...]:
    """Whom someone said a holder is."""
    with engine.database.read() as tx:
        return engine.context.person(tx, holder_id).linked


def second_card(office: Office, holder_id: str) -> Outcome:
    """A card for a second file, while another may be in force."""
    permit_id = office.application(holder_id)
    office.do("record_opinion", "2017-03-02", permit_id=permit_id, **ADVISED)
    return office.do("issue_permit", "2017-03-02", permit_id=permit_id)


def test_a_link_stands_in_both_streams_and_can_be_taken_back(office: Office) -> None:
    """Who said so, and why, is kept for both; nothing else of either changes."""
    one, other = office.holder(), office.holder(**ELSE)
    outcome = link(office, one, other)
    assert (outcome.holder_id, outcome.version, outcome.events) == (one, 2, ("holder.linked",))
    assert (linked(office.engine, one), linked(office.engine, other)) == ((other,), (one,))
    assert link(office, other, one, undo=True).events == ("holder.unlinked",)
    assert (linked(office.engine, one), linked(office.engine, other)) == ((), ())
    assert link(office, one, other).version == 4


def test_a_title_under_one_record_is_a_title_of_the_person_under_the_other(office: Office) -> None:
    """``title.overlap`` looks at all records of a person, and only while they are linked."""
    one, other = office.holder(), office.holder(**ELSE)
    held = office.title(one)
    link(office, one, other)
    with pytest.raises(PermitsError) as caught:
        second_card(office, other)
    assert caught.value.code == "title.overlap"
    assert caught.value.details["permit_id"] == held
    link(office, other, one, undo=True)
    assert second_card(office, other).events == ("permit.issued",)


def test_records_are_linked_through_one_another(office: Office) -> None:
    """One is two, and two is three: then one is three."""
    one, two, three = office.holder(), office.holder(**ELSE), office.holder(given_names="Awa")
    office.title(one)
    link(office, one, two)
    link(office, two, three)
    with pytest.raises(PermitsError, match=r"title\.overlap"):
        second_card(office, three)


def test_what_is_linked_is_not_linked_again_nor_unlinked_twice(office: Office) -> None:
    """``transition.not_allowed`` says what is possible."""
    one, other = office.holder(), office.holder(**ELSE)
    for undo, allowed in ((True, "link_holders"), (False, "unlink_holders")):
        if not undo:
            link(office, one, other)
        with pytest.raises(PermitsError) as caught:
            link(office, other, one, undo=undo)
        assert caught.value.code == "transition.not_allowed"
        assert caught.value.details["allowed"] == [allowed]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"other_id": "0b6d3a52-6d0c-4a8c-9a55-6f2b8f6f0009"}, "holder.not_found"),
        ({"other_id": None}, "input.invalid"),
        ({"reason": "  "}, "input.invalid"),
        ({"expected_version": 7}, "concurrency.conflict"),
    ],
)
def test_a_link_that_cannot_be_is_refused(changed: dict[str, object], code: str, office: Office) -> None:
    """An unknown record, none, no reason, another version than expected: nothing is recorded."""
    one, other = office.holder(), office.holder(**ELSE)
    head = office.position()
    with pytest.raises(PermitsError) as caught:
        link(office, one, other, **changed)
    assert caught.value.code == code
    assert office.position() == head


def test_a_holder_is_not_linked_to_themselves(office: Office) -> None:
    """One record is one record."""
    one = office.holder()
    with pytest.raises(PermitsError) as caught:
        link(office, one, one)
    assert caught.value.code == "input.invalid"


def test_only_whom_the_policy_names_links(office: Office) -> None:
    """The counter and the administrator; a decider, a court or the clock does not."""
    one, other = office.holder(), office.holder(**ELSE)
    fields = {"holder_id": one, "other_id": other, "reason": "the same passport"}
    for role in ("decider", "scheduler", "auditor"):
        with pytest.raises(PermitsError) as caught:
            office.do("link_holders", "2017-03-01", office.actor(role), **fields)
        assert caught.value.code == "actor.not_competent"
    assert office.do("link_holders", "2017-03-01", Actor("Nadia", "administrator"), **fields).version == 2


def test_the_same_link_twice_under_one_id_is_one(office: Office) -> None:
    """An idempotency key works as for any command."""
    one, other = office.holder(), office.holder(**ELSE)
    first = link(office, one, other, command_id="link-1")
    again = link(office, one, other, command_id="link-1")
    assert (again.version, again.replayed) == (first.version, True)


def test_people_of_a_register_who_look_the_same_can_be_linked(today: Office, take_over: Import) -> None:
    """What the import names is what a human links; importing again changes nothing of it."""
    lines = [row(numero_dossier="1"), row(numero_dossier="2")]
    [group] = take_over(lines).look_alikes
    one, other = group["holder_ids"]
    today.do(
        "link_holders",
        "2026-06-10",
        today.actor("counter"),
        holder_id=one,
        other_id=other,
        reason="same card seen at the counter",
    )
    assert take_over(lines).unchanged == 2
    assert linked(today.engine, one) == (other,)
