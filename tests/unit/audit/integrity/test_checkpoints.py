"""Checkpoints as text: the specification's example, and what is refused."""

import base64

import pytest

from permits_engine.store.log.checkpoints import Checkpoint, body
from permits_engine.store.log.signed_note import NoteError, Signer

# The example of C2SP tlog-checkpoint (its key is not published).
EXAMPLE = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\N{EM DASH} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1"
    "gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
SIGNER = Signer("permits-engine/x", bytes(32))
ROOT = bytes(range(32))


def signed(text: str) -> bytes:
    return SIGNER.sign(text).encode()


def test_the_example_of_the_specification_is_read() -> None:
    """Origin, size and root of the published checkpoint."""
    found = Checkpoint.parse(EXAMPLE.encode())
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20852163)
    assert base64.b64encode(found.root).decode() == "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    assert found.note == EXAMPLE


def test_what_is_written_is_read_back() -> None:
    """A checkpoint is its three lines under a signature of the origin's key."""
    text = body("permits-engine/x", 7, ROOT)
    assert text == "permits-engine/x\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    found = Checkpoint.parse(signed(text))
    assert found[:3] == ("permits-engine/x", 7, ROOT)
    assert found.signed_by([SIGNER.verifier]) == SIGNER.verifier


def test_extension_lines_are_kept() -> None:
    """A later version may say more: it is signed, and passed over."""
    found = Checkpoint.parse(signed(body("permits-engine/x", 7, ROOT) + "more\n"))
    assert found.size == 7
    assert found.signed_by([SIGNER.verifier])


def test_a_checkpoint_is_signed_under_its_own_origin() -> None:
    """The key of one log does not sign for another."""
    found = Checkpoint.parse(signed(body("permits-engine/y", 7, ROOT)))
    with pytest.raises(NoteError, match="it is of permits-engine/y, the key is of permits-engine/x"):
        found.signed_by([SIGNER.verifier])
    with pytest.raises(NoteError, match="of no origin"):
        found.signed_by([])


@pytest.mark.parametrize(
    "text",
    [
        "a\n7\n",
        "a\n\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "a\n07\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "a\n-7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "a\n\N{ARABIC-INDIC DIGIT SEVEN}\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "a\n9999999999999999999\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "a\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==\n",
        "a\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """Too few lines, a size or a root in another spelling."""
    with pytest.raises(NoteError):
        Checkpoint.parse(signed(text))
