"""Handlers: a command is loaded, decided and recorded, and many commands are loaded with as many questions as one."""

from collections.abc import Callable
from typing import Any

import pytest

from permits_engine import PermitsError
from permits_engine.application.handlers.table import HANDLERS
from permits_engine.application.unit_of_work import UnitOfWork
from permits_engine.commands import COMMANDS
from permits_engine.domain.decisions import decide
from permits_engine.store.database.transactions import Transaction
from permits_engine.store.events.ids import derived
from tests.acts import REVOKED
from tests.integration.application.conftest import COURT, DECIDER, Office
from tests.integration.application.test_batches import FILE, filing, grant, opinion, registration
from tests.integration.application.test_families import a_pair


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done from here on, in order: ``read``, ``decide`` and ``write``."""
    done: list[str] = []

    def watched(step: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            done.append(step)
            return original(*given, **named)

        return call

    for name in ("all", "one"):
        monkeypatch.setattr(Transaction, name, watched("read", getattr(Transaction, name)))
    monkeypatch.setattr(decide, "decide", watched("decide", decide.decide))
    monkeypatch.setattr(UnitOfWork, "write", watched("write", UnitOfWork.write))
    return done


def test_every_command_has_a_handler() -> None:
    """The table and the registry name the same commands."""
    assert set(HANDLERS) == set(COMMANDS.values())


def test_nothing_is_read_between_the_decision_and_the_writing(office: Office, steps: list[str]) -> None:
    """Family ties, linked records, corrections and facts included."""
    his, hers = a_pair(office)
    day = "2019-03-04"
    office.do("revoke_permit", day, DECIDER, permit_id=his, **REVOKED)
    office.do("lodge_appeal", "2019-03-05", permit_id=his, body="administrative_tribunal")
    office.do("decide_appeal", "2019-03-06", COURT, permit_id=his, outcome="upheld", reasons="unfounded")
    [noted] = [x for x in office.engine.history(hers) if x["name"] == "permit.fact_recorded"]
    right: dict[str, Any] = {"field": "since", "value": "2010-07-01", "reason": "misread"}
    office.do("correct_record", "2019-03-07", permit_id=hers, of_version=noted["version"], **right)
    assert steps.count("decide") >= 9
    for place in [n for n, step in enumerate(steps) if step == "decide"]:
        assert steps[place + 1] == "write"


def test_many_commands_are_loaded_with_as_many_questions_as_few(office: Office, steps: list[str]) -> None:
    """A whole first card for five people asks no more than for two."""
    office.at("2017-03-01")
    list(
        office.engine.execute_many([registration()])
    )  # the first of a store makes the key of the search index
    counts = []
    for people in (2, 5):
        ids = [(derived(f"holder/{people}/{n}"), derived(f"file/{people}/{n}")) for n in range(people)]
        for acts in (
            [registration(holder) for holder, _ in ids],
            [filing(permit, holder) for holder, permit in ids],
            [opinion(permit, command_id=f"opinion/{permit}") for _, permit in ids],
            [grant(permit) for _, permit in ids],
        ):
            steps.clear()
            answers = list(office.engine.execute_many(acts))
            assert not any(isinstance(answer, PermitsError) for answer in answers)
            counts.append(steps.count("read"))
    assert counts[:4] == counts[4:]


def test_a_command_that_cannot_be_recorded_leaves_nothing_to_its_batch(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails half-way through recording one command is undone, and the others are carried out by themselves."""
    office.at("2017-03-01")
    list(office.engine.execute_many([registration(), filing()]))
    index = UnitOfWork.index

    def broken(uow: UnitOfWork, entries: Any) -> None:
        if any(repr(event).endswith("permit.opinion_recorded>") for event in uow.events):
            raise PermitsError("policy.none_in_force", "a rule is missing")
        index(uow, entries)

    monkeypatch.setattr(UnitOfWork, "index", broken)
    other = derived("file/other")
    first, second = office.engine.execute_many([opinion(), filing(other)])
    assert isinstance(first, PermitsError)
    assert not isinstance(second, PermitsError)
    assert office.engine.permit(FILE).version == 2
    assert office.engine.permit(other).version == 2
