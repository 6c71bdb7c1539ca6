"""One figure: what we do in a second, what the bare driver does of the least that is needed, and the ratio."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec


class Measure(msgspec.Struct, frozen=True):
    """A measured row. ``ours`` and ``raw`` are units of work in a second, ``cpu`` our processor microseconds for one
    unit beyond those of the raw limit, ``aim`` the ratio asked for (none: printed only)."""

    name: str
    tx: str
    ours: float
    raw: float | None = None
    aim: float | None = None
    cpu: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Our speed as a share of the raw limit's."""
        return None if self.raw is None else self.ours / self.raw

    def told(self) -> str:
        """The row as it is printed."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        aim = "" if self.aim is None else f"(aim {self.aim:g})"
        raw = "" if self.raw is None else f"raw {self.raw:,.0f}/s"
        cpu = "" if self.cpu is None else f"{self.cpu:,.0f} us of processor over it"
        speed = f"{self.ours:,.0f} {self.tx}s/s"
        return f"  {self.name:32}{ratio:>5} {aim:11}{speed:>18}  {raw}  {cpu}  {self.note}".rstrip()


class Took(msgspec.Struct, frozen=True):
    """How long something took: seconds by the clock, and of this process's processor."""

    wall: float
    cpu: float


def timed(task: Callable[[], object]) -> Took:
    """Do something once."""
    started, processor = time.perf_counter(), time.process_time()
    task()
    return Took(time.perf_counter() - started, time.process_time() - processor)


def best(task: Callable[[], object], times: int = 3) -> Took:
    """The quickest of a few: what else the machine did is not of interest."""
    return min((timed(task) for _ in range(times)), key=lambda took: took.wall)


def compared(
    name: str, tx: str, count: int, ours: Took, raw: Took, *, aim: float | None = None, note: str = ""
) -> Measure:
    """A measure of so many units of work done twice: by us, and by the bare driver."""
    over = (ours.cpu - raw.cpu) / count * 1e6
    return Measure(name, tx, count / ours.wall, count / raw.wall, aim, over, note)
