"""An event-sourced lifecycle engine for residence permits."""

from __future__ import annotations

__version__ = "0.1.0"
