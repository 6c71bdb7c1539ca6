"""Master keys, which wrap the holders' keys: in a file of their own, in the environment, or wrapped by a key service.

A key service (an HSM, a cloud's key management) never gives its own key away: it wraps the master keys in their file,
and unwraps them when the store is opened. So no transaction waits for a network.
"""

from __future__ import annotations

import base64
import os
from binascii import Error as BinasciiError
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Protocol, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from permits_engine.domain.errors import PermitsError, error

KEY_BYTES = 32
NONCE_BYTES = 12
_HOLDER_TAG = "permits-engine/holder-key/v1"
_LABEL = "permits-engine/master-key/v1"


class KeyService(Protocol):
    """A service outside that wraps and unwraps small secrets under a key that it never gives away.

    ``label`` says what the secret is; both calls get the same. Raises ``store.unavailable``.
    """

    @property
    def name(self) -> str:
        """What it is called in messages, without any secret."""

    def wrap(self, plain: bytes, label: str) -> bytes:
        """Return the secret in a form that only this service opens."""

    def unwrap(self, wrapped: bytes, label: str) -> bytes:
        """Return the secret."""


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    version: int
    active: str
    keys: dict[str, str]
    wrapped: bool = msgspec.field(default=False, name="sealed")
    """Whether a key service has to unwrap the keys."""


class MasterKeys:
    """The keys that wrap holders' keys; the active one wraps new ones, the others still unwrap old ones.

    ``path`` is the file that they were read from, none for those of the environment or of memory.
    """

    __slots__ = ("_keys", "_seen", "active", "path", "service")

    def __init__(
        self,
        active: str,
        keys: Mapping[str, bytes],
        *,
        path: Path | None = None,
        service: KeyService | None = None,
    ) -> None:
        if active not in keys or any("|" in each for each in keys):
            raise ValueError("the active key must be one of the keys, and no key id may hold '|'")
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise ValueError(f"a master key has {KEY_BYTES} bytes")
        self.active = active
        self.path = path
        self.service = service
        self._keys = dict(keys)
        self._seen = _state(path)

    def __repr__(self) -> str:
        return f"<MasterKeys active={self.active!r} of {len(self._keys)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are not to be copied into a pickle")

    @property
    def ids(self) -> list[str]:
        """The ids of the keys, the active one first."""
        return [self.active, *sorted(each for each in self._keys if each != self.active)]

    def key(self, key_id: str) -> bytes | None:
        """Return the key of an id."""
        return self._keys.get(key_id)

    # --- holders' keys ---

    def wrap(self, key: bytes, holder_id: str) -> tuple[str, bytes]:
        """Return the active key's id, and a holder's key wrapped by it, bound to both ids."""
        nonce = os.urandom(NONCE_BYTES)
        wrapped = AESGCM(self._keys[self.active]).encrypt(nonce, key, _bound(self.active, holder_id))
        return self.active, nonce + wrapped

    def unwrap(self, wrapped: bytes, key_id: str, holder_id: str) -> bytes:
        """Return a holder's key; raise ``store.unavailable`` without its master key, ``integrity.broken``."""
        master_key = self._keys.get(key_id)
        if master_key is None:
            message = (
                f"the master key {key_id} is not in the key file: name the file that belongs to this store"
            )
            raise error("store.unavailable", message, key_id=key_id)
        try:
            return AESGCM(master_key).decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound(key_id, holder_id)
            )
        except (InvalidTag, ValueError) as problem:
            message = f"the key of holder {holder_id} does not open"
            raise error("integrity.broken", message, holder_id=holder_id) from problem

    # --- made, and changed ---

    @classmethod
    def in_memory(cls) -> Self:
        """Return new keys that end with the process."""
        key_id = os.urandom(8).hex()
        return cls(key_id, {key_id: os.urandom(KEY_BYTES)})

    def with_new(self) -> MasterKeys:
        """Return the same keys and a new one, which is active."""
        key_id = os.urandom(8).hex()
        keys = {**self._keys, key_id: os.urandom(KEY_BYTES)}
        return MasterKeys(key_id, keys, path=self.path, service=self.service)

    def without(self, ids: Iterable[str]) -> MasterKeys:
        """Return the same keys but for some; the active one stays."""
        gone = set(ids) - {self.active}
        keys = {each: key for each, key in self._keys.items() if each not in gone}
        return MasterKeys(self.active, keys, path=self.path, service=self.service)

    # --- as text, and in their file ---

    @classmethod
    def parse(
        cls, content: bytes | str, service: KeyService | None = None, *, path: Path | None = None
    ) -> Self:
        """Return the keys of a key file's content; a ``ValueError`` if it is none.

        Raises ``store.unavailable`` if they are wrapped and no service unwraps them.
        """
        read = msgspec.json.decode(content, type=_KeyFile)
        if read.version != 1:
            raise ValueError("unknown version")
        keys = {each: base64.b64decode(key, validate=True) for each, key in read.keys.items()}
        if not read.wrapped:
            return cls(read.active, keys, path=path)
        if service is None:
            where = f"the key file {path}" if path is not None else "the master key"
            message = f"{where} is wrapped by a key service: name it (PERMITS_KEY_SERVICE)"
            raise error("store.unavailable", message)
        keys = {each: service.unwrap(key, f"{_LABEL}/{each}") for each, key in keys.items()}
        return cls(read.active, keys, path=path, service=service)

    def text(self, *, plain: bool = False) -> str:
        """Return the content of their file; wrapped if they belong to a key service, unless ``plain``."""
        keys, service = self._keys, None if plain else self.service
        if service is not None:
            keys = {each: service.wrap(key, f"{_LABEL}/{each}") for each, key in keys.items()}
        coded = {each: base64.b64encode(key).decode() for each, key in keys.items()}
        file = _KeyFile(1, self.active, coded, wrapped=service is not None)
        return msgspec.json.format(msgspec.json.encode(file)).decode() + "\n"

    @classmethod
    def create(cls, path: str | os.PathLike[str], service: KeyService | None = None) -> Self:
        """Make a key file that only its owner can read; raise ``store.unavailable`` if there is one."""
        made = cls.in_memory()
        made.service = service
        made.write_new(path)
        return cls(made.active, made._keys, path=Path(path), service=service)

    def write_new(self, path: str | os.PathLike[str]) -> None:
        """Write a new key file; raise ``store.unavailable`` if there is one."""
        try:
            _write(Path(path), self.text().encode())
        except FileExistsError:
            raise _unusable(path, "is there already: it is never replaced") from None
        except OSError as problem:
            raise _unusable(path, f"cannot be made ({problem.strerror}): check its folder") from problem

    def save(self) -> None:
        """Replace the content of their file by these keys, whole or not at all."""
        if self.path is None:
            raise error("store.unavailable", "the master key is in no file, which alone can be changed here")
        fresh = self.path.with_name(f".{self.path.name}.{os.urandom(4).hex()}")
        try:
            _write(fresh, self.text().encode())
            fresh.replace(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as problem:
            with suppress(OSError):
                fresh.unlink()
            raise _unusable(self.path, f"cannot be written ({problem.strerror})") from problem
        self._seen = _state(self.path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], service: KeyService | None = None) -> Self:
        """Read a key file; raise ``store.unavailable`` if it is missing, open to others or no key file."""
        try:
            with Path(path).open("rb") as file:
                found = os.fstat(file.fileno())
                if os.name == "posix" and found.st_mode & 0o077:
                    raise _unusable(path, f"can be read by others; run: chmod 600 {os.fspath(path)}")
                content = file.read()
        except FileNotFoundError:
            raise _unusable(path, "is missing: put it back, or name it with PERMITS_KEYS") from None
        except OSError as problem:
            raise _unusable(path, f"cannot be read ({problem.strerror}): check its rights") from problem
        try:
            read = cls.parse(content, service, path=Path(path))
        except (msgspec.MsgspecError, BinasciiError, ValueError) as problem:
            raise _unusable(path, "is not a key file of this program: put the right one there") from problem
        read._seen = (found.st_mtime_ns, found.st_ino)
        return read

    def fresh(self) -> MasterKeys:
        """Return these keys, or those that have replaced them in the file since."""
        now = _state(self.path)
        if self.path is None or now is None or now == self._seen:
            return self  # a file that was removed after the start changes nothing
        return MasterKeys.load(self.path, self.service)


def _state(path: Path | None) -> tuple[int, int] | None:
    """Return what changes when a file is replaced; none without a file."""
    try:
        found = path.stat() if path is not None else None
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_ino)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _bound(key_id: str, holder_id: str) -> bytes:
    return f"{_HOLDER_TAG}|{key_id}|{holder_id}".encode()


def _unusable(path: str | os.PathLike[str], reason: str) -> PermitsError:
    return error("store.unavailable", f"the key file {os.fspath(path)} {reason}", path=os.fspath(path))
