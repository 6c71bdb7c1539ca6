"""Passes of the scheduler whose letters are kept instead of sent."""

from __future__ import annotations

from datetime import date
from typing import Any

from permits_engine.engine import Engine
from permits_engine.scheduler.delivery.channel import Letter
from permits_engine.scheduler.delivery.memory import sink_routes
from permits_engine.scheduler.passes.run import run_pass


class Letters:
    """The letters that passes of one engine have sent, in order."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._routes, self._sink = sink_routes()

    def run_scheduler(self, on: date | None = None) -> list[dict[str, Any]]:
        """Run one pass (default: now); return what it sent: kind, tier, to, language, expedited."""
        mark = len(self._sink.letters)
        run_pass(self._engine.context, self._routes, on=on)
        return [self._sink.described(letter) for letter in self._sink.letters[mark:]]

    @property
    def sent(self) -> list[Letter]:
        """Every letter as it would have gone out: address, subject, text."""
        return list(self._sink.letters)

    def about(self, permit_id: str) -> list[dict[str, Any]]:
        """Return what was sent about one permit."""
        return [
            self._sink.described(each)
            for each in self._sink.letters
            if self._sink.permit_of(each) == permit_id
        ]
