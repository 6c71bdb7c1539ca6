"""One seed lived through; a failure says on which day, what came before it, and how to see it again."""

import shutil
import traceback
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import mkdtemp

from tests.simulation.chance import seeded
from tests.simulation.storage import ROOM
from tests.simulation.world import World

SHORT = 365
"""Days of a short run."""
LONG = 3652
"""Days of a whole run: ten years."""


@dataclass(frozen=True)
class Lived:
    """What one seed gave: the digest of all that happened, or what broke."""

    seed: int
    digest: str
    summary: str
    failure: str | None = None


def live(seed: int, *, days: int = SHORT, holders: int = 6, start: date | None = None) -> Lived:
    """Live through one seed; never raises for what is wrong in the world."""
    folder = Path(mkdtemp(prefix="permits-world-", dir=ROOM))
    try:
        world = World(seed, folder, days=days, holders=holders, start=start)
        with seeded(world.chance, world.disk, world.locks):
            try:
                digest = world.run()
            except Exception as problem:
                return Lived(seed, "", world.summary(), _failure(world, seed, days, holders, start, problem))
            finally:
                world.close()
        return Lived(seed, digest, world.summary())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _failure(world: World, seed: int, days: int, holders: int, start: date | None, problem: Exception) -> str:
    frames = traceback.extract_tb(problem.__traceback__)
    places = [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames[-6:]]
    begin = f" START={start}" if start else ""
    return "\n".join(
        (
            f"seed {seed} broke on day {world.counts['days'] + 1} ({world.today}):",
            f"  {type(problem).__name__}: {problem}",
            *(f"    at {place}" for place in places),
            "  before it:",
            *(f"    {line}" for line in world.trace),
            f"  again: make simulate SEED={seed} DAYS={days} HOLDERS={holders}{begin}",
        )
    )
