"""When a message that was refused for a while is tried again."""

from __future__ import annotations

import hashlib

FIRST, LONGEST, FACTOR = 30.0, 6 * 3600.0, 4.0
"""Seconds of the first delay and of the longest; each is so many times the one before."""
ATTEMPTS = 8
"""After so many refusals a channel is given up: about a day after the first."""


def delay(notice_id: str, attempt: int) -> float:
    """Seconds from a failed attempt (the first is 1) to the next, spread by half to either side.

    The spread is a function of message and attempt, so that letters refused together do not come back
    together, and a history that is simulated again is the same.
    """
    plain = min(FIRST * FACTOR ** min(attempt - 1, 20), LONGEST)
    digest = hashlib.sha256(f"{notice_id}/{attempt}".encode()).digest()
    return plain * (0.5 + int.from_bytes(digest[:4], "big") / 2**32)
