"""Signed notes and their keys: the specification's examples, and everything that is not quite one."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.store.log.signed_note import MOST_BYTES, Note, NoteError, Signer, Verifier

# The example of C2SP signed-note.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n\N{EM DASH} example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The example of Go's golang.org/x/mod/sumdb/note.
GO_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_NOTE = (
    f"{GO_TEXT}\n\N{EM DASH} PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

ONE = Signer("one", bytes(32))
OTHER = Signer("other", bytes([1]) * 32)


def test_the_example_of_the_specification_holds() -> None:
    """The published key verifies the published note."""
    key = Verifier.parse(EXAMPLE_KEY)
    note = Note.parse(EXAMPLE.encode())
    assert note.opened([key]) == key
    assert note.text == "This is an example message.\n"
    assert str(key) == EXAMPLE_KEY


def test_a_note_is_byte_for_byte_that_of_other_programs() -> None:
    """From the same private key, Go's library makes the same public key and the same note."""
    signer = Signer.parse(GO_SECRET)
    assert str(signer.verifier) == GO_KEY
    assert signer.sign(GO_TEXT) == GO_NOTE
    assert signer.secret() == GO_SECRET


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=60))
def test_whatever_was_signed_is_opened_again(text: str) -> None:
    """Any text of lines comes back as it was, empty lines included, under its key."""
    note = Note.parse(ONE.sign(f"{text}\n").encode())
    assert note.text == f"{text}\n"
    assert note.opened([OTHER.verifier, ONE.verifier]) == ONE.verifier


@given(at=st.integers(0), bit=st.integers(0, 7))
def test_a_note_with_one_changed_bit_is_refused(at: int, bit: int) -> None:
    """No bit of text or signature can be changed: it cannot be read, or no one signed it."""
    data = bytearray(ONE.sign("origin\n7\n").encode())
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(NoteError):
        Note.parse(bytes(data)).opened([ONE.verifier])


def test_signatures_of_strangers_are_passed_over() -> None:
    """Witnesses may sign too: an unknown name, or a known name with another key, is not looked at."""
    namesake = Signer("one", bytes([2]) * 32)
    text = "a\n"
    lines = "".join(each.sign(text).removeprefix("a\n\n") for each in (OTHER, namesake, ONE))
    assert Note.parse(f"a\n\n{lines}".encode()).opened([ONE.verifier]) == ONE.verifier


def test_one_bad_signature_of_a_known_key_spoils_the_note() -> None:
    """Where two keys are known and one of their signatures does not hold, the other does not help."""
    good = ONE.sign("a\n")
    bad = OTHER.sign("b\n").removeprefix("b\n\n")
    with pytest.raises(NoteError, match="the signature of other does not hold"):
        Note.parse((good + bad).encode()).opened([ONE.verifier, OTHER.verifier])


def test_a_note_without_a_known_signature_is_refused() -> None:
    """The refusal names the keys that were asked for."""
    with pytest.raises(NoteError, match=r"not signed by one \("):
        Note.parse(OTHER.sign("a\n").encode()).opened([ONE.verifier])
    with pytest.raises(NoteError, match="not signed"):
        Note.parse(OTHER.sign("a\n").encode()).opened([])


GOOD = ONE.sign("a\n")
LINE = GOOD.removeprefix("a\n\n")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "signature lines"),
        (b"a\n", "signature lines"),
        (b"a\n\n", "signature lines"),
        (b"a\n\n\n", "signature lines"),
        (b"a\n\nb\n", "signature line reads"),
        (b"\xff" + GOOD.encode(), "UTF-8"),
        (GOOD.replace("a\n", "a\r\n").encode(), "control characters"),
        (GOOD.removesuffix("\n").encode(), "signature lines"),
        (f"{GOOD}more\n".encode(), "signature line reads"),
        (GOOD.replace("\N{EM DASH}", "-").encode(), "signature line reads"),
        (GOOD.replace(" one ", " o+ne ").encode(), "signature line reads"),
        (GOOD.replace(" one ", " o\N{NO-BREAK SPACE}ne ").encode(), "signature line reads"),
        (GOOD.replace("=\n", "\n").encode(), "base64"),
        (GOOD.replace("=\n", "*\n").encode(), "base64"),
        ("a\n\n\N{EM DASH} one AAAA\n".encode(), "too short"),
        (("a\n\n" + LINE * 101).encode(), "more than 100"),
        (b"a" * (MOST_BYTES + 1), "longer than"),
    ],
)
def test_what_is_no_note_is_refused(data: bytes, reason: str) -> None:
    """Every departure from the format is an error that says which, never a guess."""
    with pytest.raises(NoteError, match=reason):
        Note.parse(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        EXAMPLE_KEY.replace("530d903a", "530d903b"),
        EXAMPLE_KEY.replace("530d903a", "530D903A"),
        EXAMPLE_KEY.replace("example", "exemple"),
        EXAMPLE_KEY.replace("+Aeky", "+Beky"),
        EXAMPLE_KEY[:-4],
        EXAMPLE_KEY + "\n",
        "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    """A key whose name, id or bytes do not fit one another is none."""
    with pytest.raises(NoteError):
        Verifier.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", GO_KEY, GO_SECRET[:-4], GO_SECRET.replace("c74f", "c74e"), "PRIVATE+KEY+a b+c+d", "PRIVATE+KEY+"],
)
def test_what_is_no_signing_key_is_refused(text: str) -> None:
    """The same for private keys."""
    with pytest.raises(NoteError):
        Signer.parse(text)


def test_a_private_key_does_not_slip_out() -> None:
    """Neither shown nor copied: only ``secret`` gives it."""
    assert ONE.secret().rpartition("+")[2] not in repr(ONE)
    with pytest.raises(TypeError, match="not to be copied"):
        pickle.dumps(ONE)


def test_two_new_keys_are_different() -> None:
    """Each store gets its own."""
    assert Signer.new("one").verifier != Signer.new("one").verifier
