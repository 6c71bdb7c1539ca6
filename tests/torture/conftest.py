"""How hard the tests of this folder go: a little in every run, and as long as it takes in ``make torture``."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def kills() -> int:
    """How often each command is killed: PERMITS_KILLS."""
    return int(os.environ.get("PERMITS_KILLS", "1"))
