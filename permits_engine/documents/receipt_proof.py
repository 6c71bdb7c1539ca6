"""The signed proof on a receipt, short enough for a QR code; only the public key is needed to check it.

It says who filed what and when, what was missing and how long the receipt is valid, and names the filing's event in
the signed history by position and leaf hash. Its text is ``permits-receipt:1:`` and base64url of a MessagePack array
and an Ed25519 signature (the key's four bytes, then 64).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from datetime import date
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import msgspec

from permits_engine.store.log.signed_note import Verifier, packed, unpacked

PREFIX = "permits-receipt:1:"
MOST_CHARACTERS = 4096
_FOUND = re.compile(re.escape(PREFIX) + r"(?:[A-Za-z0-9_\-]|\r?\n(?!\s*\r?\n))+")

Status = Literal["good", "expired", "superseded", "forged", "unknown_key"]
Sign = Callable[[str], bytes]
"""Returns the signature of a text, after the key's four bytes."""


class Filing(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What a proof says; days are proleptic ordinals, ``serial`` is the version of the receipt's event (0: none).

    A birth date that is known to the month or year is a text.
    """

    permit: bytes
    kind: str
    filed: int
    timely: bool
    missing: tuple[str, ...]
    serial: int
    since: int | None
    until: int | None
    stands_for_title: bool
    office: str
    issued: int
    name: str
    born: int | str | None
    position: int
    leaf: bytes
    specimen: bool = False

    def __repr__(self) -> str:
        return "<Filing>"

    @property
    def permit_id(self) -> str:
        """The permit's id as text."""
        return str(uuid.UUID(bytes=self.permit))

    def to_dict(self) -> dict[str, Any]:
        """Return the content as plain values with ISO dates."""
        return {
            "permit_id": self.permit_id,
            "kind": self.kind,
            "filed_on": _day(self.filed),
            "timely": self.timely,
            "complete": not self.missing,
            "missing": list(self.missing),
            "receipt": self.serial or None,
            "valid_from": _day(self.since),
            "valid_until": _day(self.until),
            "stands_for_title": self.stands_for_title,
            "office": self.office,
            "issued_on": _day(self.issued),
            "holder": self.name,
            "birth_date": self.born if isinstance(self.born, str) else _day(self.born),
            "position": self.position,
            "leaf": self.leaf.hex(),
            "specimen": self.specimen,
        }

    def mark(self) -> bytes:
        """Return the eight bytes that name this receipt in a status list; they do not identify the holder."""
        return mark_of(self.permit, self.serial)


class Verdict(NamedTuple):
    """The result of a check; ``filing`` only where a known key signed it."""

    status: Status
    because: str
    filing: Filing | None = None
    origin: str | None = None


def mark_of(permit: bytes, serial: int) -> bytes:
    """Return the mark of a permit's receipt."""
    return sha256(b"permits-engine/receipt/v1" + permit + serial.to_bytes(4, "big")).digest()[:8]


def issue(filing: Filing, origin: str, sign: Sign) -> str:
    """Return the text of a proof; ``origin`` names the store."""
    content = msgspec.msgpack.encode(filing)
    return PREFIX + packed(content, sign(_text(content, origin)))


def found_in(text: str) -> str | None:
    """Return the proof in the text of a receipt, broken into lines or not, or none."""
    match = _FOUND.search(text)
    return None if match is None else re.sub(r"\s", "", match[0])


def check(
    text: str, keys: Sequence[Verifier], *, on: date, superseded: Callable[[str, Filing], bool] | None = None
) -> Verdict:
    """Return whether a proof is good on a day; ``superseded`` looks a receipt up in a status list of an origin."""
    proof = text.startswith(PREFIX) and len(text) <= MOST_CHARACTERS and unpacked(text.removeprefix(PREFIX))
    if not proof:
        return Verdict("forged", "it is not the proof of a receipt, or part of it is missing")
    content, signature = proof
    named = [key for key in keys if key.key_id == signature[:4]]
    if not named:
        return Verdict("unknown_key", f"no key that is known signed it (it names {signature[:4].hex()})")
    signer = next((key for key in named if key.signed(_text(content, key.name).encode(), signature)), None)
    if signer is None:
        return Verdict("forged", "the signature is not valid: the content was changed")
    try:
        filing = msgspec.msgpack.decode(content, type=Filing)
    except (msgspec.MsgspecError, ValueError):
        return Verdict("forged", "the signed content is not a receipt of this version")
    if superseded is not None and filing.serial and superseded(signer.name, filing):
        return Verdict("superseded", "a later act has taken its place", filing, signer.name)
    if filing.until is not None and on > date.fromordinal(filing.until):
        return Verdict("expired", f"it was valid until {_day(filing.until)}", filing, signer.name)
    because = "it is valid" if filing.until is not None else "it proves the filing, and replaces no title"
    return Verdict("good", because, filing, signer.name)


def _text(content: bytes, origin: str) -> str:
    # The first line tells receipts from checkpoints and tokens: no signature is valid for another kind.
    return f"permits-engine receipt\n{origin}\n{content.hex()}\n"


def _day(ordinal: int | None) -> str | None:
    return None if ordinal is None else date.fromordinal(ordinal).isoformat()
