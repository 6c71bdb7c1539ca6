"""Where a store's master keys are: named, in memory, or in a file beside a SQLite store."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine as SqlEngine
from sqlalchemy import make_url

from permits_engine.domain.errors import invalid
from permits_engine.store.keys.master_keys import KeyService, MasterKeys


def in_memory(target: str | SqlEngine) -> bool:
    """Return whether an address is that of a store that ends with the process."""
    if not isinstance(target, str):
        return False
    url = make_url(target)
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def master_keys(keys: MasterKeys | str | Path) -> MasterKeys:
    """Return the master keys themselves, or those of a file."""
    return keys if isinstance(keys, MasterKeys) else MasterKeys.load(Path(keys))


def made_keys(keys: MasterKeys | str | Path, service: KeyService | None, *, make: bool) -> MasterKeys:
    """Return the master keys, unwrapped by a key service if given; with ``make`` a missing file is made."""
    if isinstance(keys, MasterKeys):
        return keys
    if make and not Path(keys).exists():
        return MasterKeys.create(keys, service)
    return MasterKeys.load(keys, service)


def default_key_file(target: str | SqlEngine) -> Path:
    """Return the key file beside a SQLite store; any other store has to name one."""
    url = make_url(target) if isinstance(target, str) else target.url
    if url.get_backend_name() != "sqlite" or not url.database:
        raise invalid("keys", "name the file of the master key (PERMITS_KEYS, or keys=…) for this store")
    return Path(url.database).with_suffix(".keys")
