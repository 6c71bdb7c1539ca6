"""The file of signing keys: made for its owner only, read with care, shared by stores without confusion."""

import os
import stat
from pathlib import Path

import pytest

from permits_engine.domain.errors import PermitsError
from permits_engine.store.log.signed_note import Signer
from permits_engine.store.log.signing_keys import SigningKeys, origin_of, verifiers_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.signing"


def test_the_file_is_made_once_and_for_its_owner(path: Path) -> None:
    """The first call makes it with mode 0600, whatever the umask; the next ones find the key."""
    before = os.umask(0)
    try:
        assert SigningKeys(path).ensure("a")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_text()
    assert not SigningKeys(path).ensure("a")
    assert path.read_text() == content
    assert SigningKeys(path).signer("a").secret() in content


def test_several_stores_may_share_a_file(path: Path) -> None:
    """Each signs with the key of its own name, and vouches for no other."""
    keys = SigningKeys(path)
    keys.ensure("a")
    path.write_text(path.read_text().rstrip("\n"))
    keys.ensure("b")
    assert keys.signer("a").verifier.name == "a"
    assert [each.name for each in keys.verifiers("b")] == ["b"]
    assert {each.name for each in keys.verifiers()} == {"a", "b"}


def test_a_retired_key_still_verifies(path: Path) -> None:
    """The first private key signs; a verifier key left in the file is believed, but signs nothing."""
    old, new = Signer.new("a"), Signer.new("a")
    path.write_text(f"# the new one\n{new.secret()}\n\n{old.verifier}\n")
    keys = SigningKeys(path)
    assert keys.signer("a").verifier == new.verifier
    assert keys.verifiers("a") == [new.verifier, old.verifier]


def test_without_a_key_the_remedy_is_told(path: Path) -> None:
    """No file named, no key for this store, no file of keys: each says what to do."""
    with pytest.raises(PermitsError, match=r"input\.invalid.*PERMITS_SIGNING_KEY"):
        SigningKeys(None).signer("a")
    with pytest.raises(PermitsError, match=r"input\.invalid.*PERMITS_SIGNING_KEY"):
        SigningKeys(None).ensure("a")
    with pytest.raises(PermitsError, match=r"store\.unavailable.*no key for a; run: permits init"):
        SigningKeys(path).signer("a")
    assert SigningKeys(path).verifiers("a") == SigningKeys(None).verifiers("a") == []
    path.write_text("PRIVATE+KEY+a+b+c")
    with pytest.raises(PermitsError, match=r"store\.unavailable.*not a file of signing keys"):
        SigningKeys(path).signer("a")
    path.write_bytes(b"\xff")
    with pytest.raises(PermitsError, match=r"store\.unavailable.*not text"):
        SigningKeys(path).verifiers("a")
    with pytest.raises(PermitsError, match=r"store\.unavailable.*cannot be read"):
        SigningKeys(path.parent).verifiers("a")
    with pytest.raises(PermitsError, match=r"store\.unavailable.*cannot be written"):
        SigningKeys(path.parent / "nowhere" / "x").ensure("a")


def test_the_file_lies_beside_that_of_the_master_key(tmp_path: Path) -> None:
    """Unless another one is named; a store whose master key has no file has none either."""
    assert SigningKeys.beside(tmp_path / "a.keys", None).path == tmp_path / "a.signing"
    assert SigningKeys.beside(tmp_path / "a.keys", tmp_path / "b").path == tmp_path / "b"
    assert SigningKeys.beside(None, None).path is None


def test_keys_in_memory_end_with_the_process() -> None:
    """One key for each origin, the same as long as the process lives."""
    keys = SigningKeys(None, in_memory=True)
    assert keys.signer("a").verifier == keys.signer("a").verifier == keys.verifiers("a")[0]
    assert keys.verifiers("b") != []
    assert SigningKeys(None, in_memory=True).signer("a").verifier != keys.signer("a").verifier


def test_public_keys_are_given_as_text_or_file(path: Path) -> None:
    """``--key`` takes what ``permits checkpoint --key`` printed, or a file with one or more of these."""
    one, other = Signer.new("a"), Signer.new("b")
    path.write_text(f"{one.verifier}\n# retired\n{other.verifier}\n")
    assert verifiers_of(str(one.verifier)) == [one.verifier]
    assert verifiers_of(str(path)) == [one.verifier, other.verifier]
    path.write_text("# nothing\n")
    for wrong in (str(path), str(one.verifier)[:-1], str(path.parent / "nowhere"), str(path.parent), ""):
        with pytest.raises(PermitsError, match=r"input\.invalid: --key"):
            verifiers_of(wrong)


def test_the_origin_names_the_store() -> None:
    """One store, one log, one name: a key may be named so (no space, no plus sign)."""
    assert origin_of("57a5224e") == "permits-engine/57a5224e"
