"""Letters as files in a folder, one file for each notice."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from permits_engine.scheduler.delivery.channel import Channel, Contact, DeliveryError, Evidence, Letter
from permits_engine.scheduler.delivery.mime import checked_id, message_bytes, message_id, sender_domain

# Errors that another attempt cannot repair; a full disk or a missing folder may be repaired.
_LASTING = {errno.ENAMETOOLONG, errno.EINVAL}


class FolderChannel(Channel):
    """Writes each letter atomically to ``<notice_id>.eml``, readable by its owner only.

    A letter written twice leaves one file. Without ``fsync`` a power cut may lose the last letters.
    Raises ``ValueError`` for an invalid sender.
    """

    name = "folder"
    contact: Contact | None = "email"
    idempotent = True
    batch = 200

    def __init__(self, path: str | os.PathLike[str], sender: str, fsync: bool = True) -> None:
        self._path = Path(path)
        self._sender = sender
        self._domain = sender_domain(sender)
        self._fsync = fsync

    def send_many(self, letters: Sequence[Letter]) -> list[Evidence | DeliveryError]:
        """Write letters in order; all are on disk when this returns."""
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as problem:
            return [_failure(problem) for _ in letters]
        try:
            results = [self._written(letter, folder) for letter in letters]
            if self._fsync:
                try:
                    # One sync for all: until then a rename may be lost, and with it the letter.
                    os.fsync(folder)
                except OSError as problem:
                    return [r if isinstance(r, DeliveryError) else _failure(problem) for r in results]
            return results
        finally:
            os.close(folder)

    def _written(self, letter: Letter, folder: int) -> Evidence | DeliveryError:
        name = f"{checked_id(letter.notice_id)}.eml"
        try:
            content = message_bytes(letter, sender=self._sender)
            self._replace(name, content, folder)
        except DeliveryError as problem:
            return problem
        except OSError as problem:
            return _failure(problem)
        return Evidence(self.name, message_id(letter.notice_id, self._domain), f"written to {name}")

    def _replace(self, name: str, content: bytes, folder: int) -> None:
        # Relative to the folder's descriptor, in case the folder is renamed meanwhile.
        temporary = f".{name}.{os.getpid()}.{secrets.token_hex(4)}"
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        try:
            try:
                view = memoryview(content)
                while view:
                    view = view[os.write(file, view) :]
                if self._fsync:
                    os.fsync(file)
            finally:
                os.close(file)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise


def _failure(problem: OSError) -> DeliveryError:
    what = os.strerror(problem.errno) if problem.errno else str(problem)
    lasting = problem.errno in _LASTING
    return DeliveryError(f"the folder of letters: {what}", permanent=lasting, unavailable=not lasting)
