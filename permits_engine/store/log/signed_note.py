"""Signed notes (C2SP ``signed-note``): text with Ed25519 signatures, and the keys in their text forms.

A key's text is that of Go's ``sumdb/note``: ``NAME+ID+BASE64`` to verify, ``PRIVATE+KEY+NAME+ID+BASE64`` to
sign. Everything malformed is a ``NoteError``.
"""

from __future__ import annotations

import base64
from binascii import Error as BinasciiError
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple, NoReturn, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MOST_BYTES = 1 << 20
"""No note is longer: sixteen signatures of the largest kind take a tenth of this."""
MOST_SIGNATURES = 100
PACKED_SIGNATURE = 4 + 64
"""Bytes of a packed signature: the key's id and Ed25519."""

_ED25519 = b"\x01"
PRIVATE = "PRIVATE+KEY+"
_DASH = "\N{EM DASH} "


class NoteError(ValueError):
    """A note or a key that cannot be read, or whose signature does not hold; the text says why."""


class Signature(NamedTuple):
    """One signature line: the key's name, its id (four bytes), and the bytes."""

    name: str
    key_id: bytes
    value: bytes


class Verifier(NamedTuple):
    """A public key under its name."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature names the key."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_coded(_ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return a public key from its text."""
        name, separator, rest = text.partition("+")
        stated, _, coded = rest.partition("+")
        if not separator or not is_name(name):
            raise NoteError("a verifier key reads NAME+ID+BASE64")
        found = cls(name, _key_of(coded))
        if stated != found.key_id.hex():
            raise NoteError(f"the verifier key of {name} has another id than it states: it is cut or changed")
        return found

    def signed(self, text: bytes, signature: bytes) -> bool:
        """Return whether a signature that names its key (four bytes before it) is this key's."""
        return signature[:4] == self.key_id and self.holds(text, signature[4:])

    def holds(self, text: bytes, signature: bytes) -> bool:
        """Return whether a signature over the text is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """A private key under its name."""

    __slots__ = ("_private", "verifier")

    def __init__(self, name: str, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._private.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"<Signer {self.verifier}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are not to be copied into a pickle")

    @classmethod
    def new(cls, name: str) -> Self:
        """Return a new key."""
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return a private key from its text."""
        if not text.startswith(PRIVATE):
            raise NoteError(f"a signing key begins with {PRIVATE}")
        name, _, rest = text.removeprefix(PRIVATE).partition("+")
        stated, _, coded = rest.partition("+")
        if not is_name(name):
            raise NoteError("a signing key reads PRIVATE+KEY+NAME+ID+BASE64")
        found = cls(name, _key_of(coded))
        if stated != found.verifier.key_id.hex():
            raise NoteError(f"the signing key of {name} has another id than it states: it is cut or changed")
        return found

    def secret(self) -> str:
        """Return the private key's text, for its file and nothing else."""
        coded = _coded(_ED25519 + self._private.private_bytes_raw())
        return f"{PRIVATE}{self.verifier.name}+{self.verifier.key_id.hex()}+{coded}"

    def signature(self, text: str) -> bytes:
        """Return a signature over a text, after the four bytes that name the key."""
        return self.verifier.key_id + self._private.sign(text.encode())

    def sign(self, text: str) -> str:
        """Return the note: text (which ends a line), an empty line, and this key's signature."""
        value = _coded(self.signature(text))
        return f"{text}\n{_DASH}{self.verifier.name} {value}\n"


class Note(NamedTuple):
    """A text and its signatures; ``opened`` verifies them."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return a note from its bytes."""
        if len(data) > MOST_BYTES:
            raise NoteError(f"it is longer than {MOST_BYTES} bytes")
        try:
            whole = data.decode()
        except UnicodeDecodeError:
            raise NoteError("it is not UTF-8") from None
        if any(sign < " " and sign != "\n" for sign in whole):
            raise NoteError("it holds control characters (lines end in a line feed alone)")
        text, separator, lines = whole.rpartition("\n\n")
        if not separator or not lines.endswith("\n"):
            raise NoteError("it does not end in an empty line and signature lines")
        signed = lines.removesuffix("\n").split("\n")
        if len(signed) > MOST_SIGNATURES:
            raise NoteError(f"it has more than {MOST_SIGNATURES} signatures")
        return cls(text + "\n", tuple(_signature_of(line) for line in signed))

    def opened(self, keys: Sequence[Verifier]) -> Verifier:
        """Return the first of the keys that signed this; a wrong signature of any of them spoils the note."""
        by_id = {(key.name, key.key_id): key for key in keys}
        found = None
        for name, key_id, value in self.signatures:
            key = by_id.get((name, key_id))
            if key is None:
                continue
            if not key.holds(self.text.encode(), value):
                raise NoteError(f"the signature of {name} does not hold: the text was changed")
            found = found or key
        if found is None:
            asked = ", ".join(sorted({f"{key.name} ({key.key_id.hex()})" for key in keys}))
            raise NoteError(f"it is not signed by {asked}")
        return found


def is_name(text: str) -> bool:
    """Return whether a text may name a key: not empty, no spaces, no plus sign, one line."""
    return bool(text) and "+" not in text and text.isprintable() and not any(map(str.isspace, text))


def _signature_of(line: str) -> Signature:
    name, separator, coded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator or not is_name(name):
        raise NoteError("a signature line reads: em dash, key name, base64")
    value = decoded(coded)
    if len(value) < 5:
        raise NoteError(f"the signature of {name} is too short")
    return Signature(name, value[:4], value[4:])


def _key_of(coded: str) -> bytes:
    value = decoded(coded)
    if not value.startswith(_ED25519) or len(value) != 33:
        raise NoteError("the key is not one of Ed25519")
    return value[1:]


def decoded(coded: str) -> bytes:
    """Return the bytes of base64 in its canonical spelling; raise ``NoteError``."""
    try:
        value = base64.b64decode(coded, validate=True)
    except (BinasciiError, ValueError):
        raise NoteError("the base64 in it cannot be read") from None
    if _coded(value) != coded:
        raise NoteError("the base64 in it cannot be read")
    return value


def _coded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def packed(content: bytes, signature: bytes) -> str:
    """Return content and signature as one short text in base64url, for receipts and tokens."""
    return base64.urlsafe_b64encode(content + signature).decode().rstrip("=")


def unpacked(text: str) -> tuple[bytes, bytes] | None:
    """Return content and signature of a text, none unless it is exactly what ``packed`` returns."""
    try:
        whole = base64.urlsafe_b64decode((text + "=" * (-len(text) % 4)).encode("ascii"))
    except (BinasciiError, ValueError):
        return None
    if len(whole) <= PACKED_SIGNATURE or packed(whole, b"") != text:
        return None
    return whole[:-PACKED_SIGNATURE], whole[-PACKED_SIGNATURE:]
