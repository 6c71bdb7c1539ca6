"""The daemon's log on standard error: text on a terminal, JSON elsewhere; it holds no personal data."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def logger(*, machine: bool | None = None) -> Any:
    """Set the log up; ``machine`` asks for JSON (default: unless standard error is a terminal)."""
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
    # A tick that comes while a pass is running is normal, and not for the operator.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
    return structlog.get_logger()
