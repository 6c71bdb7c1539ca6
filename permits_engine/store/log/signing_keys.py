"""The keys that sign a store's checkpoints, in a file of their own.

Each line of the file has a private key (which signs) or a verifier key (of a retired one, which verifies only); lines
that begin with ``#`` are skipped. Each key is named after its store, so that several stores can share a file.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from permits_engine.domain.errors import PermitsError, error, invalid
from permits_engine.store.log.signed_note import PRIVATE, NoteError, Signer, Verifier

MOST_BYTES = 1 << 20


def origin_of(store_id: str) -> str:
    """Return the name of a store's log, and of the keys that sign it."""
    return f"permits-engine/{store_id}"


class SigningKeys:
    """A signing key file, read when it is needed; without a path, keys that end with the process."""

    __slots__ = ("_made", "path")

    def __init__(self, path: Path | None, *, in_memory: bool = False) -> None:
        self.path = path
        self._made: dict[str, Signer] | None = {} if in_memory else None

    @classmethod
    def beside(cls, key_file: str | Path | None, named: str | Path | None) -> Self:
        """Return the keys of the named file; else of the file beside the master key's."""
        if named is None and key_file is not None:
            named = Path(key_file).with_suffix(".signing")
        return cls(None if named is None else Path(named))

    def ensure(self, origin: str) -> bool:
        """Make a key that signs for this origin, unless there is one; return whether it was made.

        The file is made with mode 0600, or a line is added to it. Raises ``store.unavailable``, ``input.invalid``.
        """
        if self._made is not None:
            self._made.setdefault(origin, Signer.new(origin))
            return True
        if any(signer.verifier.name == origin for signer in self._read()[0]):
            return False
        path, made = self._named(), Signer.new(origin)
        content = f"# Signs the checkpoints of {origin}: keep it secret, and a copy apart.\n{made.secret()}\n"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                # The file may end without a line feed.
                file.write(("\n" if os.fstat(descriptor).st_size else "").encode() + content.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            raise _unusable(path, f"cannot be written ({problem.strerror})") from problem
        return True

    def signer(self, origin: str) -> Signer:
        """Return the key that signs for this origin; raise ``store.unavailable``, ``input.invalid``."""
        if self._made is not None:
            self.ensure(origin)
            return self._made[origin]
        for signer in self._read()[0]:
            if signer.verifier.name == origin:
                return signer
        raise _unusable(self._named(), f"has no key for {origin}; run: permits init")

    def verifiers(self, origin: str | None = None) -> list[Verifier]:
        """Return the public keys of this origin (default: all); none if the file may not be read."""
        if self._made is not None:
            if origin is not None:
                self.ensure(origin)
            found = [signer.verifier for signer in self._made.values()]
        elif self.path is None or not os.access(self.path, os.R_OK):
            return []
        else:
            signers, retired = self._read()
            found = [signer.verifier for signer in signers] + retired
        return [each for each in found if origin is None or each.name == origin]

    def _named(self) -> Path:
        if self.path is None:
            raise invalid("signing_key", "name the file of the signing key (PERMITS_SIGNING_KEY)")
        return self.path

    def _read(self) -> tuple[list[Signer], list[Verifier]]:
        path = self._named()
        if not path.exists():
            return [], []
        try:
            return _keys_of(read_limited(path, MOST_BYTES))
        except OSError as problem:
            raise _unusable(path, f"cannot be read ({problem.strerror}): check its rights") from problem
        except NoteError as problem:
            raise _unusable(path, f"is not a file of signing keys: {problem}") from None


def verifiers_of(given: str) -> list[Verifier]:
    """Return public keys from their text or from a file; raise ``input.invalid``."""
    if "+" in given and not os.path.lexists(given):
        try:
            return [Verifier.parse(given)]
        except NoteError as problem:
            raise invalid("--key", f"{problem}") from None
    try:
        signers, verifiers = _keys_of(read_limited(Path(given), MOST_BYTES))
    except NoteError as problem:
        raise invalid("--key", f"{given}: {problem}") from None
    except OSError as problem:
        raise invalid(
            "--key", f"{given!r} is neither a verifier key nor a file ({problem.strerror})"
        ) from None
    found = [signer.verifier for signer in signers] + verifiers
    if not found:
        raise invalid("--key", f"{given} holds no verifier key")
    return found


def read_limited(path: Path, most: int) -> bytes:
    """Return a file's bytes; one longer than ``most`` is a ``NoteError``."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise NoteError(f"it is longer than {most} bytes")
    return data


def _keys_of(data: bytes) -> tuple[list[Signer], list[Verifier]]:
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        raise NoteError("it is not text") from None
    signers, verifiers = [], []
    for line in map(str.strip, lines):
        if line.startswith(PRIVATE):
            signers.append(Signer.parse(line))
        elif line and not line.startswith("#"):
            verifiers.append(Verifier.parse(line))
    return signers, verifiers


def _unusable(path: Path, reason: str) -> PermitsError:
    return error("store.unavailable", f"the signing key file {path} {reason}", path=str(path))
