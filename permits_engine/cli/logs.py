"""The daemon's log on standard error: lines to read on a terminal, JSON elsewhere; never anything personal."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def logger(*, machine: bool | None = None) -> Any:
    """The log; ``machine`` asks for JSON (default: unless standard error is a terminal)."""
    plain = machine if machine is not None else not sys.stderr.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shown: Any = (
        structlog.processors.JSONRenderer()
        if plain
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, shown],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # The ticker's own remarks (a tick that came while a pass was running) say nothing to anybody.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    return structlog.get_logger()
