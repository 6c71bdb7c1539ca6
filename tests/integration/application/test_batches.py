"""Many commands to a transaction: faster than one by one, and never different."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import StoredEvent

from permits_engine import Actor, Engine, Outcome, PermitsError
from permits_engine.application import executor
from permits_engine.commands import Command, parse
from permits_engine.store.events.ids import derived
from permits_engine.store.events.recorder import TransactionRecorder
from permits_engine.testing.clock import FakeClock
from tests.integration.application.conftest import COMMISSION, COUNTER, DECIDER, Office

HOLDER, FILE = derived("batch/holder"), derived("batch/file")
Act = tuple[Command, Actor]


def act(name: str, actor: Actor = COUNTER, **fields: Any) -> Act:
    """A command with its actor."""
    return parse(name, fields), actor


def registration(holder_id: str = HOLDER, **more: Any) -> Act:
    """A person made known."""
    person = {
        "holder_id": holder_id,
        "family_name": "Diallo",
        "given_names": "Aminata",
        "birth_date": "1990-04-01",
        "sex": "F",
        "nationality": "SEN",
        "language": "fr",
        "on": "2016-12-19",
    }
    return act("register_holder", **person | more)


def filing(permit_id: str = FILE, holder_id: str = HOLDER, **more: Any) -> Act:
    """An application of a person."""
    fields = {
        "permit_id": permit_id,
        "holder_id": holder_id,
        "jurisdiction": "MA",
        "category": "regularisation-2016",
        "criterion": "R5",
        "prefecture": "MA-RAB",
        "on": "2016-12-20",
    }
    return act("lodge_application", **fields | more)


def opinion(permit_id: str = FILE, **more: Any) -> Act:
    """The local commission is in favour."""
    fields = {"permit_id": permit_id, "body": "local_commission", "favourable": True, "reasons": "shown"}
    return act("record_opinion", COMMISSION, **fields | {"on": "2017-01-20"} | more)


def grant(permit_id: str = FILE, **more: Any) -> Act:
    """A first card."""
    return act("issue_permit", DECIDER, **{"permit_id": permit_id, "on": "2017-02-01"} | more)


def many(office: Office, acts: Sequence[Act]) -> list[str]:
    """The events or the error of each, in a word."""
    office.at("2017-03-01")
    answers = office.engine.execute_many(acts)
    return [x.code if isinstance(x, PermitsError) else ",".join(x.events) for x in answers]


def told(engine: Engine) -> list[Any]:
    """What the store says of every file and message, without the ids that are minted."""
    files = sorted(row["permit_id"] for row in engine.find(limit=1000))
    minted = {"event_id", "correlation_id", "position", "recorded_at"}
    events = [{k: v for k, v in each.items() if k not in minted} for x in files for each in engine.history(x)]
    return [events, engine.find(limit=1000)]


LIFE = [
    registration(),
    filing(),
    grant(),  # no opinion yet
    opinion(),
    opinion(permit_id=derived("nowhere")),
    grant(on="2018-01-01"),  # after today
    grant(),
    grant(),  # twice
    act("update_holder", holder_id=HOLDER, language="ar", on="2017-02-02"),
    filing(permit_id=derived("batch/second"), on="2017-02-03"),
    opinion(permit_id=derived("batch/second"), on="2017-02-04"),
    grant(permit_id=derived("batch/second"), on="2017-02-05"),  # the first title is in force
    act("correct_record", permit_id=FILE, of_version=1, field="criterion", value="R4", reason="misread"),
    act("record_exit", permit_id=FILE, on="2017-02-06"),
    registration(),  # known already
    filing(on="2017-02-07"),  # the id is taken
    filing(permit_id=derived("batch/third"), holder_id=derived("nobody")),
]


def test_a_batch_leaves_the_history_of_its_commands_one_by_one(office: Office, tmp_path: Path) -> None:
    """Refused ones between them, several on one file, and a person who registers and files at once."""
    answers = many(office, LIFE)
    clock = FakeClock()
    clock.at(date(2017, 3, 1))
    with Engine.initialise(f"sqlite:///{tmp_path / 'other.db'}", clock=clock, simulated=True) as other:
        single = []
        for command, actor in LIFE:
            try:
                single.append(",".join(other.execute(command, actor=actor).events))
            except PermitsError as problem:
                single.append(problem.code)
        assert answers == single
        assert told(office.engine) == told(other)
    assert answers[2] == "opinion.missing"
    assert answers[11] == "title.overlap"
    assert office.engine.store.rebuild(check=True).differences == []


def test_a_refused_command_of_a_batch_leaves_no_trace(office: Office) -> None:
    """Not in the history, not in a row, not in the memory of its id: it may be tried again."""
    many(office, [registration(), filing()])
    before = office.position()
    assert many(office, [grant(command_id="again"), registration()]) == [
        "opinion.missing",
        "concurrency.conflict",
    ]
    assert office.position() == before
    answers = many(office, [opinion(), grant(command_id="again")])
    assert answers == ["permit.opinion_recorded", "permit.issued"]


def test_the_same_id_twice_in_one_batch_is_carried_out_once(office: Office) -> None:
    """The second one is told the outcome of the first, and another content is refused."""
    acts = [
        registration(command_id="r"),
        registration(command_id="r"),
        filing(command_id="f"),
        filing(command_id="f"),
        opinion(command_id="f"),
    ]
    office.at("2017-03-01")
    answers = list(office.engine.execute_many(acts))
    outcomes = [x for x in answers if isinstance(x, Outcome)]
    assert [x.replayed for x in outcomes] == [False, True, False, True]
    assert outcomes[2].events == outcomes[3].events == ("permit.application_lodged", "permit.receipt_issued")
    assert isinstance(answers[4], PermitsError)
    assert answers[4].code == "command.id_reused"


def test_another_writer_in_between_costs_a_batch_no_command(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changed between reading and writing is decided again, and so is all that came with it."""
    if office.engine.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer: nobody can come in between")
    many(office, [registration(), filing()])
    expect = executor.expect
    monkeypatch.setattr(executor, "expect", lambda *given: [expect(*given), meanwhile()])

    def meanwhile() -> None:
        monkeypatch.undo()
        with Engine.open(
            office.engine.database.source.address,  # type: ignore[union-attr]
            keys=office.engine.context.keyring._master_keys,
            clock=office.clock,
        ) as other:
            command, actor = opinion()
            other.execute(command, actor=actor)

    second = derived("batch/other")
    answers = many(office, [registration(second), grant(), act("record_exit", permit_id=FILE)])
    assert answers == ["holder.registered", "permit.issued", "permit.exit_recorded"]
    assert office.engine.permit(FILE).version == 5


def test_a_batch_with_a_file_that_cannot_be_read_goes_on(office: Office) -> None:
    """Its command gets the error, the others their outcome."""
    many(office, [registration(), filing()])
    with office.engine.database.write() as tx:
        TransactionRecorder(tx).insert_events([StoredEvent(FILE, 3, "permit.unheard@9", b"{}")], now=0)
    second = derived("batch/readable")
    answers = many(office, [grant(), filing(permit_id=second), opinion(permit_id=second)])
    assert answers[0] == "integrity.broken"
    assert answers[1:] == [
        "permit.application_lodged,permit.receipt_issued",
        "permit.opinion_recorded",
    ]
