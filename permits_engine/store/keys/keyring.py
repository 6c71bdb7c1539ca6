"""The holders' keys: one data key per holder, kept in the store, wrapped by the master keys.

Deleting a holder's row makes the holder's data unreadable for good; ``erasure`` then removes its bytes from the
database's files. A transaction that writes keeps the rows of the keys it uses until it ends, so that an erasure waits
for it and it for an erasure: SQLite has one writer, on PostgreSQL the rows are locked.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from permits_engine.domain.errors import PermitsError, error
from permits_engine.store.database.statements import Statement, Transaction, among
from permits_engine.store.keys.master_keys import KEY_BYTES, NONCE_BYTES, MasterKeys

__all__ = ["Cipher", "Keyring", "MasterKeys"]

_HMAC_INFO = b"permits-engine/holder-hmac/v1"
_CACHED = 4096

NEW_KEY = Statement(
    {
        dialect: f"INSERT INTO holder_keys (holder_id, wrapped, key_id)"
        f" SELECT CAST(:holder_id AS TEXT), CAST(:wrapped AS {kind}), CAST(:key_id AS TEXT)"
        " WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = :holder_id)"
        " AND NOT EXISTS (SELECT 1 FROM retired_keys WHERE key_id = :key_id)"
        " ON CONFLICT (holder_id) DO NOTHING"
        for dialect, kind in (("sqlite", "BLOB"), ("postgresql", "BYTEA"))
    }
)
"""Adds a holder's key. No row is touched if there is one, if the person has a history already (an erased person never
gets another key), or under a master key that was retired: then read the key file again."""
DESTROY = Statement("DELETE FROM holder_keys WHERE holder_id = :holder_id")
"""Deletes a holder's key."""
REGISTER_KEY = "register"
"""The id of the key of the register's index among the holders' keys; no holder has it."""

_ROW = "SELECT wrapped, key_id FROM holder_keys WHERE holder_id = :holder_id"
_ROWS = among("SELECT holder_id, wrapped, key_id FROM holder_keys WHERE holder_id")
_SELECT, _SELECT_MANY = Statement(_ROW), Statement(_ROWS)
_SHARE = Statement({"sqlite": _ROW, "postgresql": f"{_ROW} FOR KEY SHARE"})
_SHARE_MANY = Statement({**_ROWS, "postgresql": f"{_ROWS['postgresql']} FOR KEY SHARE"})
_LOCK = Statement({"sqlite": _ROW, "postgresql": f"{_ROW} FOR UPDATE"})
_RETIRED = Statement("SELECT 1 FROM retired_keys WHERE key_id = :key_id")
_ANY = Statement("SELECT 1 FROM holder_keys LIMIT 1")


class Cipher:
    """A holder's data key: encrypts and decrypts personal data."""

    __slots__ = ("_aead", "_hmac_key", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._aead = AESGCM(key)
        self._hmac_key: bytes | None = None

    def __repr__(self) -> str:
        return "<Cipher>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("keys are not to be copied into a pickle")

    def encrypt(self, plain: bytes, aad: bytes) -> str:
        """Return base64 of a random nonce and the ciphertext (AES-256-GCM), bound to ``aad``."""
        nonce = os.urandom(NONCE_BYTES)
        return base64.b64encode(nonce + self._aead.encrypt(nonce, plain, aad)).decode()

    def decrypt(self, encrypted: str, aad: bytes) -> bytes:
        """Return the plain bytes; raise ``integrity.broken`` for another key, another ``aad`` or changed bytes."""
        try:
            data = base64.b64decode(encrypted, validate=True)
            return self._aead.decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], aad)
        except (InvalidTag, ValueError) as problem:
            reason = "encrypted data do not open here: they belong elsewhere or were changed"
            raise error("integrity.broken", reason) from problem

    def hmac(self, data: bytes) -> bytes:
        """Return HMAC-SHA-256 with a key derived from the holder's: comparable only while that exists."""
        if self._hmac_key is None:
            self._hmac_key = HKDF(SHA256(), KEY_BYTES, salt=None, info=_HMAC_INFO).derive(self._key)
        return hmac.digest(self._hmac_key, data, hashlib.sha256)


class Keyring:
    """The holders' keys, read from the store in the transaction that uses them: an erasure takes effect at once."""

    def __init__(self, master_keys: MasterKeys) -> None:
        self._master_keys = master_keys
        self._unwrap = lru_cache(maxsize=_CACHED)(self._unwrapped)

    def __repr__(self) -> str:
        return f"<Keyring {self._master_keys!r}>"

    def make(self, holder_id: str) -> tuple[Cipher, dict[str, Any]]:
        """Return a new key, and the row that keeps it wrapped, to be written with ``NEW_KEY``."""
        key = os.urandom(KEY_BYTES)
        key_id, wrapped = self.master_keys().wrap(key, holder_id)
        return Cipher(key), {"holder_id": holder_id, "wrapped": wrapped, "key_id": key_id}

    def mint(self, tx: Transaction, holder_id: str) -> Cipher:
        """Write a new key for a holder who has none, and return it; raise ``concurrency.conflict`` if there is one."""
        cipher, row = self.make(holder_id)
        if tx.run(NEW_KEY, row) != 1:
            message = f"holder {holder_id} has a key already; read them again"
            raise error("concurrency.conflict", message, holder_id=holder_id)
        return cipher

    def load(self, tx: Transaction, holder_id: str) -> Cipher | None:
        """Return the holder's key, none once their data were erased.

        Raises ``store.unavailable`` without the master key, ``integrity.broken`` for a key that was changed.
        """
        row = tx.one(_SHARE if tx.writing else _SELECT, {"holder_id": holder_id})
        return None if row is None else self._unwrap(bytes(row[0]), row[1], holder_id)

    def load_many(self, tx: Transaction, holder_ids: Sequence[str]) -> dict[str, Cipher | None]:
        """Return the keys of several holders, read with one query."""
        found: dict[str, Cipher | None] = dict.fromkeys(holder_ids)
        if holder_ids:
            for row in tx.all(_SHARE_MANY if tx.writing else _SELECT_MANY, {"ids": holder_ids}):
                found[row[0]] = self._unwrap(bytes(row[1]), row[2], row[0])
        return found

    def lock(self, tx: Transaction, holder_id: str) -> None:
        """Lock the holder's key until the transaction ends, once no other transaction uses it."""
        tx.one(_LOCK, {"holder_id": holder_id})

    def check_current(self, tx: Transaction) -> None:
        """Raise ``store.unavailable`` if the active master key was retired: this process has an older key file."""
        active = self._master_keys.active
        if tx.one(_RETIRED, {"key_id": active}) is not None:
            message = f"the master key {active} was rotated: name the key file that has taken its place"
            raise error("store.unavailable", message, key_id=active)

    def master_keys(self) -> MasterKeys:
        """Return the master keys as their file has them now: they may have been rotated meanwhile."""
        self._master_keys = self._master_keys.fresh()
        return self._master_keys

    def use(self, master_keys: MasterKeys) -> None:
        """Work with other master keys from now on."""
        self._master_keys = master_keys

    def forget(self) -> None:
        """Drop the keys that this process has unwrapped; the next use unwraps them again."""
        self._unwrap.cache_clear()

    def _unwrapped(self, wrapped: bytes, key_id: str, holder_id: str) -> Cipher:
        if self._master_keys.key(key_id) is None:
            self.master_keys()
        return Cipher(self._master_keys.unwrap(wrapped, key_id, holder_id))


def require_keys(tx: Transaction, holder_ids: Sequence[str]) -> None:
    """Keep the rows of holders' keys until the transaction ends; raise ``holder.erased`` if one is gone."""
    if not holder_ids:
        return
    found = {row[0] for row in tx.all(_SHARE_MANY, {"ids": holder_ids})}
    for each in holder_ids:
        if each not in found:
            raise erased(each)


def erased(holder_id: str) -> PermitsError:
    """Return ``holder.erased``."""
    reason = "the holder's personal data were erased; nothing more can be written about them"
    return error("holder.erased", reason, holder_id=holder_id)


def register_id(index: Cipher, file_number: str) -> str:
    """Return the id of a row of an old register: an HMAC under the register's own key."""
    return f"register/{index.hmac(file_number.encode()).hex()}"


def holds_keys(tx: Transaction) -> bool:
    """Return whether anything in the store is encrypted under a holder's key."""
    return tx.one(_ANY) is not None
