"""The usual people around a file, and the address of the office's own store."""

import pytest

from permits_engine import Actor
from permits_engine.testing import Office

COUNTER = Actor(id="officer-17", role="counter", prefecture="MA-RAB")
DECIDER = Actor(id="officer-3", role="decider", prefecture="MA-RAB")
COMMISSION = Actor(id="commission", role="local_commission", prefecture="MA-RAB")
COURT = Actor(id="tribunal", role="court")

__all__ = ["COMMISSION", "COUNTER", "COURT", "DECIDER", "Office"]


@pytest.fixture
def store_url(made_url: str) -> str:
    """The URL of the store that the office works on."""
    return made_url
