"""The parts of the peer's file: decisions, requests, terms and appeals."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass
class Decision:
    """A grant, refusal or revocation; ``on`` request number ``request`` unless it is a revocation.

    ``years`` is the length of the term that it grants; ``by_law``: an automatic renewal, which is no decision.
    """

    kind: str
    on: date
    request: int
    years: int = 0
    told: list[date] = field(default_factory=list)
    annulled: date | None = None
    by_law: bool = False

    def told_by(self, day: date) -> date | None:
        """The first regular notification, where it was made by a day."""
        first = min(self.told, default=None)
        return first if first is not None and first <= day else None

    def against(self) -> bool:
        """Whether it is in force against the holder."""
        return self.kind != "grant" and self.annulled is None


@dataclass
class Request:
    """An application (number 0) or a request for renewal."""

    on: date
    missing: set[str]
    complete: date | None
    asked: date | None = None
    wanted: str = ""
    answered: date | None = None
    reopened: date | None = None


@dataclass
class Term:
    """A term granted on ``on``."""

    number: int
    start: date
    end: date
    on: date


@dataclass
class Appeal:
    """An appeal; against a decision, or against the silence on a request (``decision`` None).

    ``outcome``, ``decided`` and ``told`` are those of its express answer.
    """

    body: str
    on: date
    decision: Decision | None
    request: int
    outcome: str | None = None
    decided: date | None = None
    told: list[date] = field(default_factory=list)
