"""How long a text message is: segments in the GSM alphabet, or in UCS-2 where a character needs it (3GPP TS 23.038)."""

from __future__ import annotations

from typing import NamedTuple

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
"""Characters that count twice."""


class Size(NamedTuple):
    """The encoding of a text message (``GSM-7`` or ``UCS-2``) and the segments that it is charged as."""

    encoding: str
    segments: int


def size_of(text: str) -> Size:
    """Return the size of a text message."""
    if all(c in _BASIC or c in _EXTENDED for c in text):
        return Size("GSM-7", _segments([2 if c in _EXTENDED else 1 for c in text], 160, 153))
    return Size("UCS-2", _segments([len(c.encode("utf-16-be")) // 2 for c in text], 70, 67))


def _segments(widths: list[int], alone: int, joined: int) -> int:
    if sum(widths) <= alone:
        return 1
    count, room = 1, joined
    for width in widths:
        # A character is not split: it goes whole into the next segment.
        if width > room:
            count, room = count + 1, joined
        room -= width
    return count
