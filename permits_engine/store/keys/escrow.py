"""Master keys on two sheets: one alone is random, both together are the key file.

One half is random bytes, the other the key file exclusive-or those. Each is written in base32, which a person can
type, with a checksum of its own and one of the whole.
"""

from __future__ import annotations

import base64
import os
from hashlib import sha256

from permits_engine.domain.errors import PermitsError, invalid

_HEAD = "permits-engine master keys, half {number} of 2"
_WIDTH = 8


def halves(content: str, *, made_on: str) -> tuple[str, str]:
    """Return two texts, to be kept apart from each other and from the store."""
    whole = content.encode()
    pad = os.urandom(len(whole))
    other = bytes(a ^ b for a, b in zip(whole, pad, strict=True))
    mark = sha256(b"permits-engine/escrow/v1" + pad + other).hexdigest()[:16]
    first, second = (_text(number, half, mark, made_on) for number, half in ((1, pad), (2, other)))
    return first, second


def joined(first: str, second: str) -> str:
    """Return the key file's content from both halves, in either order; raise ``input.invalid``."""
    (one, mark), (two, also) = sorted((_read(first, "HALF1"), _read(second, "HALF2")))
    numbers = (one[0], two[0])
    if numbers != (1, 2):
        raise invalid("HALF2", f"both are half {numbers[0]}: the other half is needed")
    pad, other = one[1], two[1]
    if mark != also or len(pad) != len(other):
        raise invalid("HALF2", "belongs to another export than HALF1")
    if sha256(b"permits-engine/escrow/v1" + pad + other).hexdigest()[:16] != mark:
        raise invalid("HALF2", "and HALF1 do not belong together")
    return bytes(a ^ b for a, b in zip(pad, other, strict=True)).decode()


def _text(number: int, half: bytes, mark: str, made_on: str) -> str:
    coded = base64.b32encode(half).decode().rstrip("=")
    words = [coded[at : at + 5] for at in range(0, len(coded), 5)]
    lines = [" ".join(words[at : at + _WIDTH]) for at in range(0, len(words), _WIDTH)]
    return "\n".join(
        [
            _HEAD.format(number=number),
            f"made on {made_on}; of no use without the other half: keep them apart, and away from the store",
            f"export {mark}",
            f"check {sha256(half).hexdigest()[:8]}",
            "",
            *lines,
            "",
        ]
    )


def _read(text: str, name: str) -> tuple[tuple[int, bytes], str]:
    lines = [line.strip() for line in text.strip().splitlines()]
    numbers = [number for number in (1, 2) if lines and lines[0] == _HEAD.format(number=number)]
    said = dict(line.split(" ", 1) for line in lines[1:4] if " " in line)
    if not numbers or "export" not in said or "check" not in said:
        raise _unreadable(name)
    coded = "".join("".join(lines[4:]).split()).upper()
    try:
        half = base64.b32decode(coded + "=" * (-len(coded) % 8))
    except ValueError:
        raise _unreadable(name) from None
    if sha256(half).hexdigest()[:8] != said["check"]:
        raise invalid(name, "has a slip of the pen in it: its checksum does not fit")
    return (numbers[0], half), said["export"]


def _unreadable(name: str) -> PermitsError:
    return invalid(name, "is not a half of an export of master keys")
