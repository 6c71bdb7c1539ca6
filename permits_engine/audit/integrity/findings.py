"""What a verification found, in words and in fields."""

from __future__ import annotations

from typing import Any

import msgspec

MOST = 100
"""Findings that are told; the rest is counted."""


class Finding(msgspec.Struct, omit_defaults=True):
    """One break, or trace of one; positions ``first`` to ``last`` are both inclusive.

    ``kind``: altered, inserted, missing, moved (``moved_from``: where the first of them stood when it was
    sealed), range (something between the two), diverged (another history than a checkpoint from outside),
    tile (sealed hashes), checkpoint, duplicate, unplaced, version, recorded_at, head. ``vouched_by`` is the
    size of a checkpoint that proves what was sealed, ``unclear_to`` the last of the events behind a range of
    which no checkpoint can say anything because of it.
    """

    kind: str
    message: str
    first: int | None = None
    last: int | None = None
    stream: str | None = None
    version: int | None = None
    name: str | None = None
    moved_from: int | None = None
    vouched_by: int | None = None
    unclear_to: int | None = None

    def covers(self, position: int) -> bool:
        """Whether this is about that position."""
        return self.first is not None and self.last is not None and self.first <= position <= self.last

    def clouds(self, position: int) -> bool:
        """Whether that position is one of these, or of those behind them of which nothing can be said."""
        return self.covers(position) or (self.last or 0) < position <= (self.unclear_to or 0)


class Restored(msgspec.Struct, frozen=True):
    """A backup that the store was restored from: when it was made, and the last event in it."""

    made_at: str
    position: int
    recorded_at: str


class Report(msgspec.Struct):
    """The outcome of a verification; counts are numbers of events unless they say otherwise.

    ``checkpoint`` is the size of the largest kept checkpoint that the history meets, ``outside`` the sizes of
    those given from outside that were compared, ``signatures`` whether there was a key to check them with,
    ``restored`` the backups that the store was restored from, as far as they were made by ``permits backup``.
    """

    events: int
    sealed: int
    unsealed: int
    sealed_now: int = 0
    checkpoints: int = 0
    checkpoint: int | None = None
    outside: list[int] = msgspec.field(default_factory=list)
    signatures: bool = False
    findings: list[Finding] = msgspec.field(default_factory=list)
    more: int = 0
    restored: list[Restored] = msgspec.field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def statement(self) -> str:
        """What may be said of the history, and no more."""
        if self.restored:
            last = self.restored[-1]
            after = self.events - last.position
            more = f", and {after} events went on from there" if after > 0 else ""
            return (
                f"{self._held}; this is a restored history: from the backup of {last.made_at}, "
                f"which ended with event {last.position} of {last.recorded_at}{more}"
            )
        return self._held

    @property
    def _held(self) -> str:
        if self.findings:
            others = len(self.findings) + self.more - 1
            rest = f" (and {others} more)" if others else ""
            return f"the history is broken: {self.findings[0].message}{rest}"
        if self.outside:
            return f"consistent with the checkpoint of {max(self.outside)} events, and with itself"
        return "consistent with itself"

    def add(self, finding: Finding) -> None:
        """Keep a finding, or count it where there are many."""
        if len(self.findings) < MOST:
            self.findings.append(finding)
        else:
            self.more += 1

    def as_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return {"intact": self.intact, "statement": self.statement, **told}


def span(first: int, last: int) -> str:
    """Positions as a person says them."""
    return f"event {first}" if first == last else f"events {first} to {last}"
