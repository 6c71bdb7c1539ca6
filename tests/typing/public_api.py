"""The public API as a host's type checker sees it: mypy checks this file, nothing runs it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, assert_type

from sqlalchemy import Connection
from sqlalchemy import Engine as SqlEngine
from sqlalchemy.orm import Session

from permits_engine import (
    Actor,
    Command,
    ConflictError,
    Engine,
    Exclusion,
    LodgeApplication,
    Outcome,
    PermitsError,
    PermitView,
    RecordDataRequest,
    RegisterHolder,
    RenewPermit,
)
from permits_engine.testing import FakeClock, Letters, Office, a_title, given

officer = Actor(id="officer-17", role="counter", prefecture="MA-RAB")
assert_type(officer.prefecture, str | None)


def opening(host: SqlEngine) -> None:
    """By address, by the host's engine, as a context."""
    with Engine.open("sqlite:///permits.db", keys=Path("permits.keys")) as engine:
        assert_type(engine, Engine)
    assert_type(Engine.open(host, clock=lambda: datetime.now(UTC), operator="portal"), Engine)
    assert_type(Engine.initialise("sqlite:///permits.db", keys="permits.keys"), Engine)


def acting(engine: Engine, session: Session, connection: Connection, permit_id: str) -> None:
    """Commands with their outcomes, in the engine's transaction or the host's."""
    holder = RegisterHolder(
        family_name="Diallo",
        given_names="Aminata",
        birth_date=date(1990, 4, 1),
        sex="F",
        nationality="SEN",
        language="fr",
    )
    outcome = engine.execute(holder, actor=officer)
    assert_type(outcome, Outcome)
    assert_type(outcome.holder_id, str | None)
    assert_type(outcome.events, tuple[str, ...])
    assert_type(outcome.replayed, bool)
    assert outcome.holder_id is not None
    filing = LodgeApplication(
        holder_id=outcome.holder_id,
        jurisdiction="MA",
        category="ordinary",
        prefecture="MA-RAB",
        on=date(2016, 12, 20),
        command_id="form-1",
        expected_version=0,
    )
    engine.execute(filing, actor=officer, session=session)
    engine.execute(filing, actor=officer, session=connection)
    shorter = Exclusion(fact="x", reasons_in_fact="y", reasons_in_law="z")
    renewal: Command = RenewPermit(permit_id=permit_id, term="P1Y", exclusion=shorter)
    assert_type(engine.check(renewal, actor=officer), tuple[str, ...])
    assert_type(engine.allowed(permit_id, actor=officer), list[str])
    answers = engine.execute_many([renewal, (filing, officer)], actor=officer)
    assert_type(answers, Iterator[Outcome | PermitsError])


def reading(engine: Engine, permit_id: str) -> None:
    """Views, and what is read as an actor."""
    view = engine.permit(permit_id, as_of=date(2017, 1, 1), known_at=datetime.now(UTC))
    assert_type(view, PermitView)
    assert_type(view.valid_until, date | None)
    assert_type(view.lawful_stay, bool)
    assert_type(engine.history(permit_id), list[dict[str, Any]])
    reader = engine.as_(officer, purpose="complaint 12/2017")
    assert_type(reader.permit(permit_id), PermitView)
    assert_type(reader.queries.holder("x").birth_date, str | None)
    page = reader.find(name="diallo", birth_date=date(1990, 4, 1), limit=20)
    assert_type(page.next, str | None)
    assert_type(page[0]["permit_id"], str | None)
    assert_type(page[0].get("family_name"), str | None)
    assert_type(engine.find(status="active", after=page.next)[0]["permit_id"], str)
    assert_type(engine.deadlines(permit_id)[0]["due_on"], str | None)
    assert_type(reader.queries.rights(permit_id)[0]["open"], bool)
    assert_type(engine.queries.status()["head"]["simulated"], bool)
    assert_type(engine.notices.list(state="parked")[0]["expedited"], bool)
    assert_type(engine.preview()[0]["does"], str)
    assert_type(engine.run_pass(on=date(2017, 2, 1)).notices["sent"], int)
    assert_type(engine.subscribe(after=7, timeout=None), Iterator[dict[str, Any]])


def looking_back(engine: Engine, permit_id: str) -> None:
    """Histories asked again: differences of knowledge, replay, another policy, control."""
    moment = datetime(2017, 6, 1, tzinfo=UTC)
    assert_type(engine.queries.diff(permit_id, moment, as_of=date(2017, 6, 1))["fields"][0]["field"], str)
    assert_type(engine.replays.replay(workers=2).disagree, int)
    assert_type(engine.replays.what_if("policy: MA").differ, int)
    assert_type(engine.replays.reexamine("policy: MA", {"sex": "F"}).looked_at, int)
    for act in engine.audit.acts("officer-17", first=date(2017, 1, 1)):
        assert_type(act["prefecture"], str | None)
    assert_type(engine.audit.controlled(sample=50, seed=2017).rows[0]["actor"], str)
    assert_type(next(engine.audit.looks(holder_id=permit_id))["reader"], str)


def people(engine: Engine, administrator: Actor) -> None:
    """Personal data: asked for, erased, kept as long as the policy says; receipts and keys."""
    assert_type(engine.execute(RecordDataRequest(holder_id="x", right="access"), actor=officer), Outcome)
    assert_type(engine.privacy.obstacles("x")[0]["norm"], str)
    assert_type(engine.privacy.erase("x", reason="asked for", actor=administrator)["erased"], bool)
    plan = engine.privacy.retention_due().plan
    assert_type(engine.privacy.apply_retention(plan, actor=administrator)["erased"], int)
    assert_type(engine.keys.rotate()["kept"], list[str])
    assert_type(engine.as_(officer).documents.receipt("x").text("ar"), str)


def refusals(problem: PermitsError) -> None:
    """Errors by family, code and details."""
    assert_type(problem.code, str)
    assert_type(problem.details, dict[str, Any])
    if isinstance(problem, ConflictError):
        assert_type(problem, ConflictError)


def kit() -> None:
    """The testing kit."""
    with Office.in_memory(date(2016, 12, 1)) as office:
        assert_type(office.engine, Engine)
        assert_type(office.clock, FakeClock)
        assert_type(office.letters, Letters)
        assert_type(office.run_scheduler("2018-01-02"), list[dict[str, Any]])
        story = given(*a_title(), office=office)
        assert_type(story.when_scheduler_runs(date(2018, 1, 2)).outcome, Outcome)


def mistakes(engine: Engine, permit_id: str) -> None:
    """What a type checker has to refuse: each ignore would itself be an error if it did not."""
    engine.execute("renew_permit", actor=officer)  # type: ignore[arg-type]
    engine.execute(RenewPermit(permit_id=permit_id))  # type: ignore[call-arg]
    RenewPermit(permit_id=permit_id, card=1)  # type: ignore[call-arg]
    engine.permit(permit_id, as_of="2017-01-01")  # type: ignore[arg-type]
    Actor(id="x")  # type: ignore[call-arg]
