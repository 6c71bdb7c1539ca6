"""The findings of a verification, as text and as fields."""

from __future__ import annotations

from typing import Any

import msgspec

MOST = 100
"""Findings that are listed; the rest is counted."""


class Finding(msgspec.Struct, omit_defaults=True):
    """A sign of tampering at the positions ``first`` to ``last``, both inclusive.

    ``kind``: altered, missing, moved (``moved_from``: the sealed position of the first), range (something between the
    two), diverged (another history than that of an outside checkpoint), tile (sealed hashes), checkpoint, duplicate,
    unplaced, version, recorded_at, head. ``vouched_by`` is the size of the last checkpoint that matches, if it proves
    what was sealed; events after the range up to ``unclear_to`` cannot be verified because of it.
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
        """Whether the position lies in this range."""
        return self.first is not None and self.last is not None and self.first <= position <= self.last


class Restored(msgspec.Struct, frozen=True):
    """A backup that the store was restored from, with its last event."""

    made_at: str
    position: int
    recorded_at: str


class VerificationReport(msgspec.Struct):
    """The result of a verification; counts are numbers of events.

    ``checkpoint`` is the size of the largest kept checkpoint that matches, ``outside`` the sizes of the outside
    checkpoints compared, ``signatures`` whether keys were there to check them, ``restored`` the backups of ``permits
    backup`` that the store was restored from.
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
        """Whether there is no finding."""
        return not self.findings

    @property
    def statement(self) -> str:
        """The conclusion in one sentence, and no more than was proved."""
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
        """List a finding, or only count it after many."""
        if len(self.findings) < MOST:
            self.findings.append(finding)
        else:
            self.more += 1

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {"intact": self.intact, "statement": self.statement, **plain}


def span(first: int, last: int) -> str:
    """Return positions in words."""
    return f"event {first}" if first == last else f"events {first} to {last}"


def text_of(data: object) -> str:
    """Return text that was read as bytes, with unreadable bytes replaced."""
    return data.decode("utf-8", errors="replace") if isinstance(data, bytes) else str(data)
