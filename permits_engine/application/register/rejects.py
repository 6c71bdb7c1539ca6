"""The rejects file: rows that were not imported, each with its line, code and reason.

UTF-8 with BOM, with the separator and columns of the register: corrected in a spreadsheet, it can be imported.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from permits_engine.application.register.csv_file import REASONS
from permits_engine.application.register.text import escaped
from permits_engine.domain.errors import PermitsError, invalid

_BOM = b"\xef\xbb\xbf"
_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class Rejects:
    """A rejects file, written under another name and renamed when it is complete.

    At its place there may be the rejects of an earlier run of the same register; any other file is ``input.invalid``.
    An edited file of an earlier run is kept with a ``~``.
    """

    def __init__(self, path: Path, columns: Sequence[str], separator: str) -> None:
        self.path = path
        self.separator = separator
        self.count = 0
        self._part = path.with_name(f".{path.name}.part")
        self._file: IO[str] | None = None
        self._writer: Any = None
        self._columns = [*REASONS, *columns]
        self._heading = self._encoded(self._columns)
        self._check_place()

    def add(self, line: int, code: str, reason: str, cells: Sequence[str]) -> None:
        """Write a row that was not imported."""
        try:
            if self._file is None:
                self._file = self._opened()
            self._writer.writerow([line, code, *(_cell(text) for text in (reason, *cells))])
        except OSError as problem:
            raise self._unwritable(problem) from None
        self.count += 1

    def finish(self) -> Path | None:
        """Rename the file to its place; without rejects nothing changes there."""
        if self._file is None:
            return None
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            if self.path.exists() and not _begins(self._part, self.path):
                self.path.replace(self.path.with_name(f"{self.path.name}~"))
            self._part.replace(self.path)
        except OSError as problem:
            raise self._unwritable(problem) from None
        self._file = None
        return self.path

    def discard(self) -> None:
        """Remove an unfinished file."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._part.unlink(missing_ok=True)

    def _check_place(self) -> None:
        folder = self.path.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise invalid("--rejects", f"{folder} is no folder that can be written to; name another place")
        if not self.path.exists():
            return
        try:
            with self.path.open("rb") as file:
                begins = file.read(len(self._heading))
        except OSError as problem:
            raise self._unwritable(problem) from None
        if begins not in (b"", self._heading):
            raise invalid(
                "--rejects", f"{self.path} is there already and is not of this register; name another file"
            )

    def _opened(self) -> IO[str]:
        # It holds names and birth dates: only its owner may read it.
        self._part.unlink(missing_ok=True)
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        file = os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="")
        self._writer = csv.writer(file, delimiter=self.separator, lineterminator="\r\n")
        self._writer.writerow([_cell(name) for name in self._columns])
        return file

    def _encoded(self, cells: Sequence[str]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.separator, lineterminator="\r\n").writerow(map(_cell, cells))
        return _BOM + text.getvalue().encode()

    def _unwritable(self, problem: OSError) -> PermitsError:
        return invalid("--rejects", f"{self.path} cannot be written ({problem.strerror or problem})")


def default_place(register: Path) -> Path:
    """Return the default place of the rejects: beside the register."""
    return register.with_name(f"{register.stem}.rejects.csv")


def _cell(text: str) -> str:
    """Return a cell that is no formula, with escapes such as ``\\x00`` for what cannot be shown."""
    return escaped(_UNSHOWN.sub(_visible, text) if _UNSHOWN.search(text) else text)


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\x{code:02x}"


def _begins(new: Path, old: Path) -> bool:
    """Return whether the new file begins with the whole old one."""
    with new.open("rb") as one, old.open("rb") as two:
        while chunk := two.read(1 << 20):
            if one.read(len(chunk)) != chunk:
                return False
    return True
