"""Records the corpus of a release: every event that the scenarios lead to, and what they say of each file in the end.

    python -m tests.corpus.make

writes ``VERSION.jsonl.gz`` for the version of this checkout. A release's corpus is made once, when the release is, and
never again: later versions have to read it as it is.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import permits_engine
from permits_engine.policies.loading import packaged
from permits_engine.store.events import history
from permits_engine.testing.scenario_files import load
from permits_engine.testing.scenarios import Runner

HERE = Path(__file__).parent
SCENARIOS = sorted((HERE.parent / "scenarios").rglob("*.yaml"))
FIELDS = ("title_status", "application_status", "term_number", "valid_from", "valid_until", "version")
"""What is held of each file: what its card and its application are, on the last day of its story."""


def recorded(path: Path) -> list[dict[str, Any]]:
    """The lines of one scenario: its events, and its files as they are then."""
    runner = Runner(load(path))
    runner.play()
    assert not runner.failures, path
    day = max(step.day for step in runner.scenario.steps)
    lines: list[dict[str, Any]] = []
    with runner.engine as engine:
        with engine.database.read() as tx:
            records = history.after(tx, 0, 100_000)
        for each in records:
            if not each.name.startswith("policy."):
                lines.append(
                    {
                        "stream": each.stream,
                        "version": each.version,
                        "name": each.name,
                        "recorded_at": each.recorded_at,
                        "payload": each.payload.decode(),
                    }
                )
        for row in engine.find(limit=None):
            view = engine.permit(row["permit_id"], as_of=day).as_dict()
            lines.append({"permit": row["permit_id"], "on": day.isoformat(), **{f: view[f] for f in FIELDS}})
    return lines


def main() -> None:
    """Write the corpus of this version."""
    lines: list[dict[str, Any]] = [{"policy": packaged(code)} for code in ("MA", "FR", "ES")]
    for path in SCENARIOS:
        lines += recorded(path)
    file = HERE / f"{permits_engine.__version__}.jsonl.gz"
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    file.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{file.name}: {len(lines)} lines, {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
