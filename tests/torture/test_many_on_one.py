"""Eight processes on one permit: each command once, in one order, none lost."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from permits_engine import Engine
from permits_engine.commands import parse
from tests.integration.scheduler.conftest import COUNTER
from tests.torture.deaths import sound, started

PROCESSES, EACH = 8, 6


def test_eight_processes_on_one_permit_lose_nothing(store_url: str, tmp_path: Path) -> None:
    """A loser decides again; one that has lost three times is told so, and nothing of it is recorded."""
    with Engine.initialise(store_url, keys=tmp_path / "store.keys", operator="test") as engine:
        permit_id = _file(engine)
        before = engine.permit(permit_id).version
        running = []
        for number in range(PROCESSES):
            name = tmp_path / f"opinions-{number}.jsonl"
            name.write_text("".join(_opinion(permit_id, number, n) for n in range(EACH)), encoding="utf-8")
            running.append(started(["execute", name.name], tmp_path, store_url))
        told = [json.loads(line) for each in running for line in each.communicate()[0].splitlines()]
        done = [outcome for outcome in told if outcome["ok"]]
        lost = [outcome for outcome in told if not outcome["ok"]]
        assert len(told) == PROCESSES * EACH
        # On a busy machine a writer may wait its ten seconds for the others: that too is told, and nothing recorded.
        assert {outcome["error"]["code"] for outcome in lost} <= {"concurrency.conflict", "store.unavailable"}
        waited = [each["error"]["message"] for each in lost if each["error"]["code"] == "store.unavailable"]
        assert all("is locked" in message for message in waited), waited
        versions = sorted(outcome["version"] for outcome in done)
        assert versions == list(range(before + 1, before + 1 + len(done)))
        assert engine.permit(permit_id).version == before + len(done)
        sound(engine)
    print(f"\neight processes on one permit: {len(done)} done, {len(lost)} told to try again, lost 0")


def _file(engine: Engine) -> str:
    person = parse(
        "register_holder",
        {
            "family_name": "Diallo",
            "given_names": "Awa",
            "birth_date": "1990-04-01",
            "sex": "F",
            "nationality": "SEN",
            "language": "fr",
        },
    )
    holder_id = engine.execute(person, actor=COUNTER).holder_id
    fields = {
        "holder_id": holder_id,
        "jurisdiction": "MA",
        "category": "regularisation-2016",
        "criterion": "R5",
    }
    command = parse(
        "lodge_application", {**fields, "prefecture": "MA-RAB", "on": date(2016, 12, 20).isoformat()}
    )
    permit_id = engine.execute(command, actor=COUNTER).permit_id
    assert permit_id is not None
    return permit_id


def _opinion(permit_id: str, number: int, n: int) -> str:
    line = {
        "command": "record_opinion",
        "command_id": f"opinion/{number}/{n}",
        "permit_id": permit_id,
        "body": "local_commission",
        "favourable": True,
        "reasons": "shown",
        "on": "2017-01-20",
        "actor": {"id": f"commission-{number}", "role": "local_commission", "prefecture": "MA-RAB"},
    }
    return json.dumps(line) + "\n"
