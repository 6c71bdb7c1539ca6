"""A door tried for so many seconds or times; what it lets through that it should not is made small and kept."""

import hashlib
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.doors import Door

FINDINGS = Path(__file__).parent / "findings"
PATIENCE = 5.0
"""Seconds after which bytes count as having hung the door."""
ROUND = 400
"""Examples of one round of Hypothesis."""


class HangError(AssertionError):
    """The door was still busy when patience ended."""


@dataclass
class Tried:
    """What trying a door gave."""

    door: str
    executions: int = 0
    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[bytes, BaseException]] = field(default_factory=list)

    def told(self) -> str:
        """For a person to read."""
        most = ", ".join(f"{code} {number:,}" for code, number in self.answers.most_common(4))
        words = f"{self.door:<14} {self.executions:>9,} executions in {self.seconds:5.0f} s, "
        return f"{words}{len(self.findings)} findings; {most}"


@contextmanager
def patience(seconds: float = PATIENCE) -> Iterator[None]:
    """Ends what works for longer, by the processor's time: the machine may have others to serve."""

    def over(*given: Any) -> None:
        raise HangError(f"still busy after {seconds:g} s")

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def attempt(door: Door, content: bytes) -> str:
    """Bring bytes to a door; raises for anything but an answer or a documented refusal."""
    with patience():
        return door.try_to_enter(content)


def fuzz(door: Door, *, seconds: float | None = None, times: int = ROUND, first: int = 0) -> Tried:
    """Try a door with rounds of examples, until the time is over; one finding ends it."""
    tried = Tried(door.name)
    began = time.monotonic()
    for number in count(first):
        _round(door, tried, number, times, None if seconds is None else began + seconds)
        tried.seconds = time.monotonic() - began
        if tried.findings or seconds is None or tried.seconds >= seconds:
            return tried
    raise AssertionError("unreachable")


def _round(door: Door, tried: Tried, number: int, times: int, until: float | None) -> None:
    smallest: list[bytes] = []

    @seed(number)
    @settings(
        max_examples=times,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(content=door.brought)
    def bring(content: bytes) -> None:
        # One is tried however long it took to begin.
        if until is not None and tried.executions and not smallest and time.monotonic() > until:
            return
        tried.executions += 1
        try:
            tried.answers[attempt(door, content)] += 1
        except BaseException:
            smallest[:] = [content]
            raise

    try:
        bring()
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        if not smallest:
            raise
        tried.findings.append((smallest[0], problem))


def keep(door: str, content: bytes) -> Path:
    """Keep what was found as a regression test."""
    FINDINGS.mkdir(exist_ok=True)
    path = FINDINGS / f"{door}.{hashlib.sha256(content).hexdigest()[:10]}"
    path.write_bytes(content)
    return path
