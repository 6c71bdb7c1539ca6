"""Proofs of one event: made from a store, checked with nothing but the public key."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.domain.errors import PermitsError
from permits_engine.store.log import checkpoints, proofs
from permits_engine.store.log.leaf import leaf_bytes
from permits_engine.store.log.proofs import Proof
from permits_engine.store.log.signed_note import NoteError, Signer
from permits_engine.store.log.signing_keys import SigningKeys

from .conftest import Store


def prove(store: Store, stream: str, version: int) -> Proof:
    return proofs.prove(store.database, store.signing, stream, version, now=0)


def test_every_event_can_be_proved(store: Store) -> None:
    """The first, one before and behind each edge, and the last: each proof holds, and says what is stored."""
    for position in (1, 2, 256, 257, 300, 512, 600):
        stream, version = f"s{(position - 1) % 7}", (position - 1) // 7 + 1
        proof = Proof.parse(str(prove(store, stream, version)).encode())
        leaf = proof.check(store.signing.verifiers())
        assert (leaf.position, leaf.stream, leaf.version) == (position, stream, version)
        assert leaf.payload == f'{{"event":{position - 1}}}'.encode()
        assert proof.checkpoint.size == 600


def test_an_event_that_no_checkpoint_covers_gets_one(store: Store) -> None:
    """What was appended since is sealed and signed for the purpose."""
    proof = prove(store, "s0", 100)
    assert (proof.index, proof.checkpoint.size) == (693, 700)
    assert [each.size for each in checkpoints.stored(store.database)] == [300, 600, 700]


def test_what_is_not_there_is_not_proved(store: Store) -> None:
    """No such file, no such version, no version at all."""
    for stream, version, code in (
        ("nobody", 1, "permit.not_found"),
        ("s0", 101, "position.beyond_head"),
        ("s0", 0, "input.invalid"),
    ):
        with pytest.raises(PermitsError) as caught:
            prove(store, stream, version)
        assert caught.value.code == code


def test_an_altered_event_is_not_proved(store: Store) -> None:
    """Nor one whose tile was altered: nothing false leaves the house."""
    store.attack("UPDATE events SET payload = :payload WHERE position = 8", payload=b"{}")
    with pytest.raises(PermitsError, match=r"integrity\.broken: event 8 cannot be proved.*permits verify"):
        prove(store, "s0", 2)
    assert prove(store, "s0", 3)
    store.attack("DELETE FROM tiles WHERE level = 1")
    with pytest.raises(PermitsError, match=r"integrity\.broken.*tile 0 of level 1"):
        prove(store, "s0", 3)


def test_a_proof_without_a_key_to_sign_is_made_of_what_there_is(store: Store) -> None:
    """The public key is enough while a checkpoint covers the event; for a new one the remedy is told."""
    verifiers = store.signing.verifiers()
    store.signing = SigningKeys(None)
    with pytest.raises(PermitsError, match=r"input\.invalid.*PERMITS_SIGNING_KEY"):
        prove(store, "s0", 1)
    assert verifiers


# --- as text ------------------------------------------------------------------------------------------------

SIGNER = Signer("permits-engine/x", bytes(32))


def made(size: int = 6, index: int = 3) -> Proof:
    """A proof that needs no store."""
    from permits_engine.store.log import merkle
    from permits_engine.store.log.leaf import leaf_hash

    leaves = [leaf_bytes(at + 1, "s", at + 1, "n@1", at, b"{}") for at in range(size)]

    def node(height: int, at: int) -> bytes:
        return merkle.fold([leaf_hash(each) for each in leaves[at << height : (at + 1) << height]])

    note = SIGNER.sign(checkpoints.body("permits-engine/x", size, merkle.root(size, node)))
    path = tuple(merkle.inclusion_proof(index, size, node))
    return Proof(leaves[index], index, path, checkpoints.Checkpoint.parse(note.encode()))


def test_a_proof_has_the_published_form() -> None:
    """Header, leaf, place and hashes, an empty line, and the checkpoint as it was signed (C2SP tlog-proof)."""
    proof = made()
    lines = str(proof).split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == f"extra {base64.b64encode(proof.leaf).decode()}"
    assert lines[2] == "index 3"
    assert [base64.b64decode(line) for line in lines[3:6]] == list(proof.path)
    assert lines[6:9] == ["", "permits-engine/x", "6"]
    assert str(proof).endswith(proof.checkpoint.note)
    assert Proof.parse(str(proof).encode()) == proof


def test_the_only_event_needs_no_hashes() -> None:
    """In a history of one the leaf is the root."""
    proof = Proof.parse(str(made(1, 0)).encode())
    assert proof.path == ()
    assert proof.check([SIGNER.verifier]).position == 1


@given(at=st.integers(0), bit=st.integers(0, 7))
def test_a_proof_with_one_changed_bit_does_not_hold(at: int, bit: int) -> None:
    """Whatever is changed, it cannot be read or proves nothing; and it never ends in a traceback."""
    data = bytearray(str(made()).encode())
    data[at % len(data)] ^= 1 << bit
    with pytest.raises((NoteError, PermitsError)) as caught:
        Proof.parse(bytes(data)).check([SIGNER.verifier])
    assert not isinstance(caught.value, PermitsError) or caught.value.code == "integrity.broken"


@given(st.binary(max_size=200))
def test_any_bytes_are_no_proof(data: bytes) -> None:
    """Nonsense is ``input.invalid`` with the file's name."""
    for given_data in (data, b"c2sp.org/tlog-proof@v1\n" + data, str(made()).encode()[:-10] + data):
        try:
            proofs.read(given_data, "FILE").check([SIGNER.verifier])
        except PermitsError as problem:
            assert problem.code in {"input.invalid", "integrity.broken"}
        else:
            assert given_data == str(made()).encode()


def test_a_proof_of_another_log_or_key_does_not_hold() -> None:
    """Only a checkpoint under its own origin, signed by a key that is believed."""
    proof = made()
    for key in (Signer.new("permits-engine/x"), Signer("permits-engine/y", bytes(32))):
        with pytest.raises(PermitsError, match=r"integrity\.broken: the proof does not hold"):
            proof.check([key.verifier])


def test_the_place_is_that_of_the_event() -> None:
    """The leaf names its own position: it cannot be shown as another one."""
    import dataclasses

    proof = dataclasses.replace(made(), index=2)
    with pytest.raises(PermitsError, match="its event is number 4, its place 3"):
        proof.check([SIGNER.verifier])
    stranger = dataclasses.replace(made(), leaf=b"something else")
    with pytest.raises(PermitsError, match="does not begin as one"):
        stranger.check([SIGNER.verifier])


def test_a_proof_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without end is not read to its end."""
    monkeypatch.setattr(proofs, "MOST_BYTES", 100)
    with pytest.raises(NoteError, match="longer than 100"):
        Proof.parse(str(made()).encode())


def test_what_a_proof_says_is_told_in_plain_values() -> None:
    """Payload as JSON where it is JSON, times as instants where they are instants."""
    proof = made()
    told = proofs.to_dict(proof.check([SIGNER.verifier]), proof)
    assert (told["payload"], told["recorded_at"]) == ({}, "1970-01-01T00:00:00.000003Z")
    odd = proof.check([SIGNER.verifier])._replace(payload=b"\xff", recorded_at=2**62)
    told = proofs.to_dict(odd, proof)
    assert told["payload"] == "/w=="
    assert told["recorded_at"].endswith("microseconds after 1970-01-01T00:00:00Z")
