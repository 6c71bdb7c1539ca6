"""When a refused letter is tried again, and when its channel is given up."""

from __future__ import annotations

import hashlib

FIRST, LONGEST, FACTOR = 30.0, 6 * 3600.0, 4.0
"""Seconds of the first and of the longest delay, and the factor from one to the next."""
ATTEMPTS = 8
"""Refusals after which a channel is given up: about a day after the first."""


def delay(notice_id: str, attempt: int) -> int:
    """Return the microseconds from a failed attempt (the first is 1) to the next, with a jitter of half of them.

    The jitter depends on notice and attempt only: letters refused together are not tried together, and a simulation
    that is run again is the same.
    """
    seconds = min(FIRST * FACTOR ** min(attempt - 1, 20), LONGEST)
    digest = hashlib.sha256(f"{notice_id}/{attempt}".encode()).digest()
    return int(seconds * (0.5 + int.from_bytes(digest[:4], "big") / 2**32) * 1_000_000)
