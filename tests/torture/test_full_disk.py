"""A disk that is full: said as such, with what was acknowledged kept and nothing half-written."""

import json
import resource
from pathlib import Path

from permits_engine import Engine
from tests.torture.deaths import lines, sound, started

COUNT = 400


def test_a_full_disk_keeps_what_was_told_and_says_what_is_wrong(sqlite_url: str, tmp_path: Path) -> None:
    """No file may grow beyond a limit, as on a disk without room: exit 4, and the rest goes in when there is room."""
    with Engine.initialise(sqlite_url, keys=tmp_path / "store.keys", operator="test") as engine:
        size = sum(each.stat().st_size for each in tmp_path.glob("*.db*"))
    (tmp_path / "lines.jsonl").write_text(lines(COUNT), encoding="utf-8")
    limit = size + 400_000

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    full = started(["execute", "lines.jsonl"], tmp_path, sqlite_url, preexec_fn=little_room)
    out, err = full.communicate()
    assert full.returncode == 4, err
    assert "store.unavailable" in out + err
    assert "Traceback" not in err
    done = [outcome for outcome in map(json.loads, out.splitlines()) if outcome["ok"]]
    assert len(done) < 2 * COUNT
    with Engine.open(sqlite_url, keys=tmp_path / "store.keys") as engine:
        for outcome in done:
            if "permit_id" in outcome:
                assert engine.permit(outcome["permit_id"]).version == outcome["version"]
        sound(engine)
        roomy = started(["execute", "lines.jsonl"], tmp_path, sqlite_url)
        roomy.communicate()
        assert roomy.returncode == 0
        assert len(engine.find(limit=None)) == COUNT
        sound(engine)
