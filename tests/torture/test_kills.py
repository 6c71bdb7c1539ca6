"""kill -9 at random: nothing that was acknowledged is lost, nothing half-done is visible, and the end is the same."""

from pathlib import Path

import pytest

from permits_engine import Engine
from tests.registers import rows, write
from tests.torture.deaths import Deaths, lines, sound

SEED = 2014


@pytest.fixture
def engine_of(store_url: str, tmp_path: Path) -> Engine:
    """An initialised store on each database."""
    Engine.initialise(store_url, keys=tmp_path / "store.keys", operator="test").close()
    return Engine.open(store_url, keys=tmp_path / "store.keys")


def test_execute_killed_anywhere_keeps_what_it_told(
    engine_of: Engine, store_url: str, tmp_path: Path, kills: int
) -> None:
    """Every outcome that was printed is in the history, once, however often the file is given again."""
    count = 150 * kills
    (tmp_path / "lines.jsonl").write_text(lines(count), encoding="utf-8")
    deaths = Deaths(tmp_path, store_url, SEED, kills)
    with engine_of as engine:
        assert deaths.run("execute", "lines.jsonl", within=(0.4, 1.6)) == 0
        for outcome in deaths.acknowledged:
            if "permit_id" in outcome:
                assert engine.permit(outcome["permit_id"]).version == outcome["version"] == 2
        assert len({each["permit_id"] for each in deaths.acknowledged if "permit_id" in each}) == count
        assert len(engine.find(limit=None)) == count
        assert engine.queries.status()["head"]["position"] == 3 + 3 * count
        sound(engine)
    print(f"\nexecute: {deaths.killed} kill -9, {2 * count} lines, lost 0, twice 0")


@pytest.mark.torture
def test_import_killed_anywhere_ends_as_one_run(
    engine_of: Engine, store_url: str, tmp_path: Path, kills: int
) -> None:
    """The history has as many events as that of a register that was taken over in peace."""
    count = 200 * kills
    write(tmp_path / "register.csv", rows(count, SEED))
    deaths = Deaths(tmp_path, store_url, SEED, kills)
    with engine_of as engine:
        assert deaths.run("import", "register.csv", within=(0.4, 2.0)) == 0
        sound(engine)
        came = engine.queries.status()["head"]["position"]
        peace = tmp_path / "peace"
        peace.mkdir()
        with Engine.initialise(f"sqlite:///{peace / 'x.db'}", keys=peace / "k", operator="test") as other:
            other.store.import_register(tmp_path / "register.csv", rejects=peace / "rejects.csv")
            assert came == other.queries.status()["head"]["position"]
    print(f"\nimport: {deaths.killed} kill -9, {count} rows, the same {came:,} events as without")


@pytest.mark.torture
def test_rebuild_and_verify_killed_anywhere_leave_a_sound_store(
    engine_of: Engine, store_url: str, tmp_path: Path, kills: int
) -> None:
    """Both are taken up again by the next run; what a rebuild had not done yet is as it was before."""
    (tmp_path / "lines.jsonl").write_text(lines(150 * kills), encoding="utf-8")
    with engine_of as engine:
        assert Deaths(tmp_path, store_url, SEED, 0).run("execute", "lines.jsonl", within=(1, 1)) == 0
        for command in ("rebuild", "verify", "checkpoint"):
            deaths = Deaths(tmp_path, store_url, SEED, kills)
            for times in range(
                10 * kills
            ):  # one that is done before its death was not killed: once more, sooner
                assert deaths.run(command, within=(0.15, max(0.25, 0.9 - times / 50))) == 0, deaths.said[-1]
                if deaths.killed == kills:
                    break
            assert deaths.killed == kills
            sound(engine)
            print(f"\n{command}: {deaths.killed} kill -9, sound after each")
