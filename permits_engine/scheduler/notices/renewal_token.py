"""A token in a reminder, with which a portal files the renewal of one term of one permit, once.

It is base64url text of 122 characters: its content, and an Ed25519 signature by the store's signing key over content
and store name. Its bearer can request that renewal and nothing else; the permit's history shows that it was used.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date
from struct import Struct
from typing import NamedTuple, TypedDict

from permits_engine.application.context import Context
from permits_engine.domain.errors import InputError, error, invalid
from permits_engine.domain.permit.situation import Situation
from permits_engine.store.log.signed_note import packed, unpacked

VERSION = 1
_CONTENT = Struct(">B16sHI")
"""Version, permit id, number of the term, ordinal of the last day."""
Sign = Callable[[str], bytes]
"""Returns the signature of a text, after the key's four bytes."""
Holds = Callable[[bytes, bytes], bool]
"""Returns whether a signature of a text is the store's."""


class Token(NamedTuple):
    """What a token allows: a renewal of that term of that permit, until a day (inclusive)."""

    permit_id: str
    term_number: int
    expires_on: date

    @property
    def command_id(self) -> str:
        """The command id of the request, so that the same token files it only once."""
        return f"token/{self.permit_id}/{self.term_number}"

    def content(self) -> bytes:
        """Return the bytes that are signed and carried."""
        permit_id = uuid.UUID(self.permit_id).bytes
        return _CONTENT.pack(VERSION, permit_id, self.term_number, self.expires_on.toordinal())


def issue(token: Token, origin: str, sign: Sign) -> str:
    """Return the token's text; ``origin`` names the store."""
    content = token.content()
    return packed(content, sign(_text(content, origin)))


def signer(context: Context) -> Callable[[Token], str] | None:
    """Return the function that signs tokens; none in a simulated store or without a signing key."""
    signing = context.signing
    with context.database.read() as tx:
        if tx.simulated or signing.path is None or not signing.path.exists():
            return None
    origin = context.origin
    sign = signing.signer(origin).signature
    return lambda token: issue(token, origin, sign)


def read(text: str, origin: str, holds: Holds) -> Token:
    """Return the token of a text; raise ``input.invalid`` for one that is not this store's."""
    content, signature = unpacked(text) or (b"", b"")
    if (
        len(content) != _CONTENT.size
        or content[0] != VERSION
        or not holds(_text(content, origin).encode(), signature)
    ):
        raise _forged()
    try:
        _, permit_id, number, expires_on = _CONTENT.unpack(content)
        return Token(str(uuid.UUID(bytes=permit_id)), number, date.fromordinal(expires_on))
    except (ValueError, OverflowError):
        raise _forged() from None


def usable(token: Token, s: Situation) -> None:
    """Check that the token may be used on the situation's day.

    Raises ``window.closed`` after its last day, ``transition.not_allowed`` where that renewal was requested already
    or the term is no longer the last one.
    """
    if s.day > token.expires_on:
        raise error("window.closed", f"the token could be used until {token.expires_on}; ask at the counter")
    term = s.term
    if term is None or term.number != token.term_number or s.renewal_request is not None:
        raise error(
            "transition.not_allowed",
            "the token has been used, or its term is over: the renewal that it is for was asked for already",
            state=s.application_status,
            command="request_renewal",
            allowed=[],
        )


class TokenCommand(TypedDict):
    """The command that a token is good for."""

    command: str
    permit_id: str
    command_id: str


class TokenRow(TypedDict):
    """A token as shown to a portal."""

    permit_id: str
    term_number: int
    expires_on: str
    command: TokenCommand


def to_dict(token: Token) -> TokenRow:
    """Return a token as plain values, with the command that it allows."""
    return {
        "permit_id": token.permit_id,
        "term_number": token.term_number,
        "expires_on": token.expires_on.isoformat(),
        "command": {
            "command": "request_renewal",
            "permit_id": token.permit_id,
            "command_id": token.command_id,
        },
    }


def _text(content: bytes, origin: str) -> str:
    # A checkpoint begins with the origin: a signature of one is never valid for the other.
    return f"permits-engine renewal token\n{origin}\n{content.hex()}\n"


def _forged() -> InputError:
    return invalid("TOKEN", "is no token of this store: copy the whole of it from the letter")
