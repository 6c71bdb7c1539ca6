"""Keys: read from a file that no one else can read, and bound to the holder whose they are."""

import base64
import json
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from permits_engine.domain.errors import PermitsError
from permits_engine.store.database import upgrade
from permits_engine.store.database.transactions import Database, Statement
from permits_engine.store.keys.keyring import Cipher, Keyring, MasterKeys

COPY = Statement(
    "INSERT INTO holder_keys (holder_id, wrapped, key_id)"
    " SELECT :to, wrapped, key_id FROM holder_keys WHERE holder_id = :of"
)
ERASE = Statement("DELETE FROM holder_keys WHERE holder_id = :of")


@pytest.fixture
def database() -> Iterator[Database]:
    """An empty store in memory."""
    database = Database.open("sqlite://")
    upgrade.initialise(database, now=0)
    yield database
    database.close()


def test_a_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    """A new key file has mode 0600 whatever the umask, and reads back as the same keys."""
    before = os.umask(0)
    try:
        made = MasterKeys.create(tmp_path / "keys")
    finally:
        os.umask(before)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600
    read = MasterKeys.load(tmp_path / "keys")
    assert (read.active, read.key(read.active)) == (made.active, made.key(made.active))


def test_a_key_file_is_never_replaced(tmp_path: Path) -> None:
    """Making keys where a file is already is refused, and the file stays as it was."""
    MasterKeys.create(tmp_path / "keys")
    content = (tmp_path / "keys").read_bytes()
    with pytest.raises(PermitsError, match=r"store\.unavailable.*never replaced"):
        MasterKeys.create(tmp_path / "keys")
    assert (tmp_path / "keys").read_bytes() == content


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The refusal says what to run."""
    MasterKeys.create(tmp_path / "keys")
    (tmp_path / "keys").chmod(mode)
    with pytest.raises(PermitsError, match=r"chmod 600"):
        MasterKeys.load(tmp_path / "keys")


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    """The refusal names the file and the setting."""
    with pytest.raises(PermitsError, match=r"keys is missing.*PERMITS_KEYS"):
        MasterKeys.load(tmp_path / "keys")


GOOD = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        json.dumps({"version": 2, "active": "a", "keys": {"a": GOOD}}),
        json.dumps({"version": 1, "active": "b", "keys": {"a": GOOD}}),
        json.dumps({"version": 1, "active": "a", "keys": {"a": GOOD[:8]}}),
        json.dumps({"version": 1, "active": "a", "keys": {"a": "?"}}),
        json.dumps({"version": 1, "active": "a|b", "keys": {"a|b": GOOD}}),
    ],
)
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, content: str) -> None:
    """Whatever is wrong with it, the error is one sentence without the content."""
    path = tmp_path / "keys"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(PermitsError, match=r"store\.unavailable.*is not a key file") as caught:
        MasterKeys.load(path)
    assert GOOD not in str(caught.value)


def test_keys_are_never_printed_nor_pickled() -> None:
    """Neither repr nor a pickle gives a key away."""
    master = MasterKeys("a", {"a": b"secret-master-key-of-32-bytes!!!"})
    cipher = Cipher(b"secret-holder-key-of-32-bytes!!!")
    for each in (master, cipher, Keyring(master)):
        assert "secret" not in repr(each)
        with pytest.raises(TypeError):
            pickle.dumps(each)


def test_a_holders_key_is_the_same_each_time(database: Database) -> None:
    """What one process encrypted, another with the same master key opens."""
    master = MasterKeys.in_memory()
    with database.write() as tx:
        encrypted = Keyring(master).mint(tx, "h1").encrypt(b"plain", b"place")
    with database.read() as tx:
        cipher = Keyring(master).load(tx, "h1")
    assert cipher is not None
    assert cipher.decrypt(encrypted, b"place") == b"plain"


def test_a_holder_has_one_key(database: Database) -> None:
    """A second key for a holder is a conflict, and the first one stays."""
    keyring = Keyring(MasterKeys.in_memory())
    with database.write() as tx:
        encrypted = keyring.mint(tx, "h1").encrypt(b"plain", b"place")
    with pytest.raises(PermitsError, match=r"concurrency\.conflict"), database.write() as tx:
        keyring.mint(tx, "h1")
    with database.read() as tx:
        cipher = keyring.load(tx, "h1")
    assert cipher is not None
    assert cipher.decrypt(encrypted, b"place") == b"plain"


def test_an_erased_key_is_gone_at_once(database: Database) -> None:
    """A keyring that has just used a key does not find it once its row is deleted."""
    keyring = Keyring(MasterKeys.in_memory())
    with database.write() as tx:
        keyring.mint(tx, "h1")
        assert keyring.load(tx, "h1") is not None
        tx.run(ERASE, {"of": "h1"})
        assert keyring.load(tx, "h1") is None


def test_a_key_row_moved_to_another_holder_does_not_open(database: Database) -> None:
    """A wrapped key is bound to its holder."""
    keyring = Keyring(MasterKeys.in_memory())
    with database.write() as tx:
        keyring.mint(tx, "h1")
        tx.run(COPY, {"of": "h1", "to": "h2"})
        with pytest.raises(PermitsError, match=r"integrity\.broken"):
            keyring.load(tx, "h2")


def test_a_foreign_key_file_is_recognised(database: Database) -> None:
    """With the key file of another store, the error says that it is the wrong file."""
    with database.write() as tx:
        Keyring(MasterKeys.in_memory()).mint(tx, "h1")
        with pytest.raises(PermitsError, match=r"store\.unavailable.*name the file"):
            Keyring(MasterKeys.in_memory()).load(tx, "h1")


def test_a_retired_master_key_still_opens(database: Database) -> None:
    """After a new master key became active, holders' keys under the old one still open."""
    old = MasterKeys("old", {"old": b"o" * 32})
    both = MasterKeys("new", {"old": b"o" * 32, "new": b"n" * 32})
    with database.write() as tx:
        encrypted = Keyring(old).mint(tx, "h1").encrypt(b"plain", b"place")
        cipher = Keyring(both).load(tx, "h1")
        assert cipher is not None
        assert cipher.decrypt(encrypted, b"place") == b"plain"
        Keyring(both).mint(tx, "h2")
        assert tx.one(Statement("SELECT key_id FROM holder_keys WHERE holder_id = 'h2'")) == ("new",)


def test_a_digest_belongs_to_one_holder() -> None:
    """The same data give the same digest under a key and another one under another key, and not the plain one."""
    one, other = Cipher(b"1" * 32), Cipher(b"2" * 32)
    assert one.hmac(b"data") == Cipher(b"1" * 32).hmac(b"data") != other.hmac(b"data")
    assert one.hmac(b"data") != one.hmac(b"datb")


def test_the_same_text_is_never_encrypted_alike() -> None:
    """Nonces are fresh: no one sees that two holders, or two events, have the same name in them."""
    cipher = Cipher(b"1" * 32)
    assert len({cipher.encrypt(b"plain", b"") for _ in range(1000)}) == 1000
