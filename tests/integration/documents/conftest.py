"""An office on each database, and the name of its store's log."""

from __future__ import annotations

import pytest


@pytest.fixture
def store_url(made_url: str) -> str:
    """The URL of the store that the office works on."""
    return made_url
