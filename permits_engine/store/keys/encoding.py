"""Fields joined so that no two lists of fields give the same bytes."""

from __future__ import annotations


def framed(tag: bytes, *fields: bytes | str | int) -> bytes:
    """Return the tag, then each field with its length before it.

    Lengths and whole numbers are eight bytes, big-endian, unsigned; texts are UTF-8. A negative number is an
    ``OverflowError``.
    """
    parts = [tag]
    for field in fields:
        if isinstance(field, int):
            data = field.to_bytes(8, "big")
        else:
            data = field.encode() if isinstance(field, str) else field
        parts += (len(data).to_bytes(8, "big"), data)
    return b"".join(parts)
