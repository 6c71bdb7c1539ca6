"""Eight processes on one permit: each command once, in one order, none lost."""

import json
from datetime import date
from pathlib import Path

from permits_engine import Engine
from permits_engine.commands import parse
from tests.integration.scheduler.conftest import COUNTER
from tests.torture.deaths import sound, started

PROCESSES, EACH = 8, 6


def test_eight_processes_on_one_permit_lose_nothing(store_url: str, tmp_path: Path) -> None:
    """A loser decides again; one that has lost three times is told so, and nothing of it is recorded.

    A process that waits its ten seconds for the others' lock, as may happen on a busy machine, leaves with 4; its file
    is given again.
    """
    with Engine.initialise(store_url, keys=tmp_path / "store.keys", operator="test") as engine:
        permit_id = _file(engine)
        before = engine.permit(permit_id).version
        names = [f"opinions-{number}.jsonl" for number in range(PROCESSES)]
        for number, name in enumerate(names):
            lines = "".join(_opinion(permit_id, number, n) for n in range(EACH))
            (tmp_path / name).write_text(lines, encoding="utf-8")
        told = []
        while names:
            running = {name: started(["execute", name], tmp_path, store_url) for name in names}
            names = []
            for name, process in running.items():
                out, said = process.communicate()
                if process.returncode == 4:
                    assert "give that line and the rest again" in said, said
                    names.append(name)
                else:
                    told += [json.loads(line) for line in out.splitlines()]
        done = [outcome for outcome in told if outcome["ok"]]
        lost = [outcome for outcome in told if not outcome["ok"]]
        assert len(told) == PROCESSES * EACH
        assert {outcome["error"]["code"] for outcome in lost} <= {"concurrency.conflict"}
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
