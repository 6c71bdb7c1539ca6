"""A folder holds each letter once, whole, and readable by its owner only."""

import os
import stat
import threading
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from permits_engine.scheduler.delivery.channel import DeliveryError, Evidence
from permits_engine.scheduler.delivery.folder import FolderChannel
from tests.letters import a_letter

SENDER = "prefecture@example.org"
LETTER = a_letter()


@pytest.mark.parametrize("fsync", [True, False])
def test_a_letter_becomes_a_file(tmp_path: Path, fsync: bool) -> None:
    """Each letter is one file named by its notice, for the owner's eyes, and a mail program can read it."""
    folder = tmp_path / "deep" / "mail"
    channel = FolderChannel(folder, SENDER, fsync=fsync)
    assert channel.send(LETTER) == Evidence("folder", "<n-1@example.org>", "written to n-1.eml")
    channel.close()
    (file,) = folder.iterdir()
    assert file.name == "n-1.eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert message_from_bytes(file.read_bytes(), policy=policy.default)["Subject"] == LETTER.subject


def test_a_second_delivery_leaves_one_file(tmp_path: Path) -> None:
    """Sent again, a letter takes its own place: same name, same content, same evidence."""
    channel = FolderChannel(tmp_path, SENDER)
    first = channel.send(LETTER)
    content = (tmp_path / "n-1.eml").read_bytes()
    assert channel.send(LETTER) == first
    assert [f.name for f in tmp_path.iterdir()] == ["n-1.eml"]
    assert (tmp_path / "n-1.eml").read_bytes() == content


def test_readers_never_see_half_a_letter(tmp_path: Path) -> None:
    """While letters are written over and over, a reader sees only whole ones."""
    channel = FolderChannel(tmp_path, SENDER, fsync=False)
    small, big = LETTER, replace(LETTER, text="Bonjour,\n" * 20_000)
    channel.send(small)
    stop = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        while not stop.is_set():
            content = (tmp_path / "n-1.eml").read_bytes()
            assert content.endswith(b"--=_permits-notice--\r\n")
            seen.add(len(content))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(100):
            channel.send_many([big, small])
    finally:
        stop.set()
        reader.join()
    assert 1 <= len(seen) <= 2


def test_one_bad_letter_stops_no_other(tmp_path: Path) -> None:
    """In a batch each letter has its own answer, in order."""
    bad = replace(LETTER, notice_id="n-2", to_address="nobody at all")
    good = replace(LETTER, notice_id="n-3")
    first, second, third = FolderChannel(tmp_path, SENDER).send_many([LETTER, bad, good])
    assert isinstance(first, Evidence)
    assert isinstance(second, DeliveryError)
    assert second.permanent
    assert isinstance(third, Evidence)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["n-1.eml", "n-3.eml"]


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    """A file where the folder should be is reported for each letter and may be put right."""
    place = tmp_path / "mail"
    place.write_text("not a folder")
    with pytest.raises(DeliveryError) as refusal:
        FolderChannel(place, SENDER).send(LETTER)
    assert not refusal.value.permanent
    assert place.read_text() == "not a folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A read-only folder is reported and keeps no temporary file."""
    folder = tmp_path / "mail"
    folder.mkdir(mode=0o500)
    results = FolderChannel(folder, SENDER).send_many([LETTER, LETTER])
    assert all(isinstance(r, DeliveryError) and not r.permanent for r in results)
    assert list(folder.iterdir()) == []


def test_a_full_disk_leaves_no_half_letter(tmp_path: Path) -> None:
    """When no more can be written, the letter is reported and the earlier one stays alone."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    channel = FolderChannel(tmp_path, SENDER)
    channel.send(LETTER)
    # A limit on the size of files fails a write as a full disk does.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
        (answer,) = channel.send_many([replace(LETTER, text="Bonjour,\n" * 5_000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert isinstance(answer, DeliveryError)
    assert not answer.permanent
    assert [f.name for f in tmp_path.iterdir()] == ["n-1.eml"]
    assert (tmp_path / "n-1.eml").read_bytes().endswith(b"--=_permits-notice--\r\n")


def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    """A link that waits under a letter's name is replaced; what it points at is left alone."""
    target = tmp_path / "target"
    target.write_text("precious")
    folder = tmp_path / "mail"
    folder.mkdir()
    (folder / "n-1.eml").symlink_to(target)
    FolderChannel(folder, SENDER).send(LETTER)
    assert target.read_text() == "precious"
    assert not (folder / "n-1.eml").is_symlink()


def test_a_notice_id_cannot_leave_the_folder(tmp_path: Path) -> None:
    """An id with a path in it is refused, and nothing is written anywhere."""
    with pytest.raises(ValueError, match="notice id"):
        FolderChannel(tmp_path / "mail", SENDER).send(replace(LETTER, notice_id="../n-1"))
    assert list((tmp_path / "mail").iterdir()) == []


def test_a_strange_sender_is_refused_at_once(tmp_path: Path) -> None:
    """A channel with a sender that is no address cannot be made."""
    with pytest.raises(ValueError, match="sender"):
        FolderChannel(tmp_path, "nobody")
