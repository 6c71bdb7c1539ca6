"""Identities: time-ordered ones, and ones derived from a name."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha1
from threading import Lock
from uuid import UUID

_NAMESPACE = UUID("6f1a6c6e-6b4e-5d0b-9a55-2f6c1c0c7a3d")
_NAMED = sha1(_NAMESPACE.bytes, usedforsecurity=False)
_RANDOM_BITS = 74
_lock = Lock()
_last = (-1, 0)


def uuid7(now_us: int, random: Callable[[int], bytes] = os.urandom) -> str:
    """Return a UUID of version 7 (RFC 9562, section 6.2, method 2) for a moment in microseconds since the epoch.

    Within a process, those of one millisecond ascend. ``random`` gives that many random bytes.
    """
    global _last
    millisecond = now_us // 1000
    drawn = int.from_bytes(random(14), "big")
    with _lock:
        last, tail = _last
        if millisecond == last:
            tail += 1 + (drawn & 0xFFFF_FFFF)
        else:
            # The highest bit stays free, so that counting on within the millisecond has room.
            tail = drawn & ((1 << (_RANDOM_BITS - 1)) - 1)
        _last = (millisecond, tail)
    tail &= (1 << _RANDOM_BITS) - 1
    high, low = tail >> 62, tail & ((1 << 62) - 1)
    digits = f"{millisecond << 80 | 7 << 76 | high << 64 | 2 << 62 | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def derived(name: str) -> str:
    """Return the UUID (version 5) of a name, such as ``policy/MA``."""
    named = _NAMED.copy()
    named.update(name.encode())
    digits = named.hexdigest()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
