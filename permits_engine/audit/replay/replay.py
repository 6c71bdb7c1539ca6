"""``permits replay``: the work on one part, and the run over a whole history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from permits_engine.audit.replay.parallel import Hands, Run
from permits_engine.audit.replay.redecide import Again, again
from permits_engine.audit.replay.sources import Part, Source

MOST = 1000
"""Differences that are told one by one; all are counted."""


def part_again(source: Source, part: Part) -> Again:
    """Decide every file of a part again."""
    report = Again()
    for file in source.files(part):
        again(file.permit_id, file.history, file.recorded, source.policy, source.known, report)
    del report.differences[MOST:]
    return report


def replay(
    source: Source,
    name: str,
    *,
    hands: Hands | None = None,
    state: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Again:
    """Decide a whole history again; with a ``state`` file a run that was stopped goes on."""
    run = Run(
        "replay", name, source, Again(), lambda whole, more: whole.add(more, MOST),
        hands=hands, state=state, progress=progress,
    )  # fmt: skip
    return run.resumed(Again).over(part_again)
