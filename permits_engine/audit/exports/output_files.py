"""Output files: written in a temporary folder beside the target, then moved there whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from permits_engine.domain.errors import invalid

MARK = "export.json"
"""The file that marks a folder as an export: ``--force`` replaces no other folder."""


@contextmanager
def whole_file(target: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a new file, readable by its owner only, that becomes ``target`` if the block succeeds.

    Raises ``input.invalid`` if the target exists and ``force`` is not given, or cannot be written.
    """
    may_replace(target, force=force, folder=False)
    with _beside(target) as home:
        part = home / target.name
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield part
        _synced(part)
        part.replace(target)


@contextmanager
def whole_folder(target: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a new folder likewise; ``force`` replaces only an earlier export or an empty folder."""
    may_replace(target, force=force, folder=True)
    with _beside(target) as home:
        part = home / "new"
        part.mkdir(mode=0o700)
        yield part
        for each in part.rglob("*"):
            if each.is_file():
                _synced(each)
        if target.exists():
            target.replace(home / "old")  # removed with the temporary folder
        part.replace(target)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    try:
        home = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield home
        finally:
            shutil.rmtree(home, ignore_errors=True)
    except OSError as problem:
        why = problem.strerror or str(problem)
        reason = f"{target} cannot be written ({why}); name a place with room and rights"
        raise invalid("--out", reason) from problem


def may_replace(target: Path, *, force: bool, folder: bool) -> None:
    """Raise ``input.invalid`` if an output cannot be put there, or would replace something it must not."""
    if not target.name:
        raise invalid("--out", f"{target} is no name for an output")
    if not target.parent.is_dir():
        raise invalid("--out", f"make the folder {target.parent} first")
    if not os.path.lexists(target):
        return
    if target.is_symlink() or target.is_dir() is not folder:
        what = "a folder" if target.is_dir() else "a link or a file"
        raise invalid("--out", f"{target} is {what} and stays; name another place")
    if folder and not any(target.iterdir()):
        return
    if not force:
        raise invalid("--out", f"{target} is there already; name another place, or replace it with --force")
    if folder and not (target / MARK).is_file():
        raise invalid("--out", f"{target} holds no export (no {MARK}) and stays; name another place")


def _synced(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
