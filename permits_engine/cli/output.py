"""What commands print: results to standard output, messages to standard error; tables or JSON."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from io import StringIO
from pathlib import Path
from traceback import extract_tb
from typing import Any, NoReturn

import msgspec

from permits_engine.domain.errors import PermitsError

EXIT = {"refused": 1, "input": 2, "integrity": 3, "store": 4}
"""The exit codes of the contract."""
_INPUT = frozenset({"input.invalid", "policy.invalid"})
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
Progress = Callable[[int, int], None] | None
"""What long work calls with how much is done and how much there is; none where no bar is drawn."""
_GAP = "  "
_NARROW = 12
"""Columns of a terminal below which a cell of a table is not wrapped."""


class OutputError(Exception):
    """Standard output cannot be written; ``reason`` is ``None`` where its reader has gone."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


def prepare() -> None:
    """Make standard output and error print any character, whatever their encoding."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, StringIO())
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def as_json(value: Any) -> str:
    """Return a value as JSON on one line, dates in ISO 8601."""
    wide = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
    return json.dumps(value, ensure_ascii=not wide, default=_plain, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return msgspec.to_builtins(value)


def out(text: str = "") -> None:
    """Print one line of a result."""
    try:
        sys.stdout.write(text + "\n")
    except OSError as problem:
        _lost(problem)


def exact(text: str) -> None:
    """Print a text byte for byte: in UTF-8, whatever the encoding of the terminal."""
    flush()
    try:
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write(text.encode())
        else:
            sys.stdout.write(text)
    except OSError as problem:
        _lost(problem)


def flush() -> None:
    """Send what was printed on its way."""
    try:
        sys.stdout.flush()
    except OSError as problem:
        _lost(problem)


def _lost(problem: OSError) -> NoReturn:
    # Python would complain again about what is still in the buffer, at the end of the process.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise OutputError(None if isinstance(problem, BrokenPipeError) else problem.strerror) from None


def say(text: str) -> None:
    """Print one line to the person, beside the result."""
    sys.stderr.write("\n".join(map(safe, text.split("\n"))) + "\n")


def fail(problem: PermitsError, *, machine: bool) -> int:
    """Print an error; give its exit code."""
    if machine:
        out(as_json({"error": problem.as_dict()}))
    say(f"permits: {problem.code}: {problem.message}")
    for fault in problem.details.get("problems", [])[1:]:
        say(f"  line {fault['line']}, {fault['path']}: {fault['reason']}")
    for field in problem.details.get("fields", [])[3:]:
        say(f"  {field['path']}: {field['reason']}")
    allowed = problem.details.get("allowed")
    if allowed:
        say(f"  possible now: {', '.join(allowed)}")
    return exit_code(problem)


def crashed(problem: Exception, *, machine: bool) -> int:
    """Print a fault of the program itself in a sentence, with its place in the code; give the exit code."""
    frames = extract_tb(problem.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    # Not the message of the exception, which may hold personal data.
    message = (
        f"{type(problem).__name__} at {place}; this is a fault of the program: please report it "
        "with what you typed (PERMITS_DEBUG=1 shows the whole traceback)"
    )
    if machine:
        out(as_json({"error": {"code": "internal.error", "message": message, "details": {}}}))
    say(f"permits: internal.error: {message}")
    return EXIT["refused"]


def exit_code(problem: PermitsError) -> int:
    """Return the exit code that the contract gives to an error."""
    if problem.code in _INPUT:
        return EXIT["input"]
    return EXIT[problem.family] if problem.family in {"integrity", "store"} else EXIT["refused"]


# --- for people -------------------------------------------------------------------------------------------


def safe(text: str) -> str:
    """Escape what would steer a terminal."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def width(text: str) -> int:
    """Count the columns of a terminal that a text takes: none for marks, two for wide letters."""
    if text.isascii():
        return len(text)
    narrow = sum(unicodedata.category(char) not in {"Mn", "Me", "Cf"} for char in text)
    return narrow + sum(unicodedata.east_asian_width(char) in "WF" for char in text)


def padded(text: str, columns: int) -> str:
    """Fill a cell up to its column; keep right-to-left text from reordering its neighbours."""
    fill = " " * (columns - width(text))
    if not text.isascii() and any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return f"\u2068{text}\u2069{fill}"
    return text + fill


def table(rows: Sequence[Any], columns: Sequence[str] | None = None) -> None:
    """Print rows as aligned columns; nothing is cut.

    On a terminal that is too narrow long cells are wrapped; where that does not help, each row is printed as
    pairs, one field to a line.
    """
    if not rows:
        say("nothing found")
        return
    plain = [row if isinstance(row, Mapping) else msgspec.to_builtins(row) for row in rows]
    names = list(columns or plain[0])
    cells = [names, *([cell(row.get(name)) for name in names] for row in plain)]
    widths = [max(map(width, each)) for each in zip(*cells, strict=True)]
    room = _columns_of_terminal()
    if room is not None and not _squeeze(widths, cells, room):
        for values in cells[1:]:
            pairs(dict(zip(names, values, strict=True)))
            out()
        return
    for line in cells:
        parts = [_wrapped(text, size) for text, size in zip(line, widths, strict=True)]
        for at in range(max(map(len, parts))):
            texts = (part[at] if at < len(part) else "" for part in parts)
            out(_GAP.join(map(padded, texts, widths)).rstrip())


def table_of(*columns: str) -> Callable[[Sequence[Any]], None]:
    """Return what prints rows as a table of some of their fields."""
    return lambda rows: table(rows, columns)


def _columns_of_terminal() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _squeeze(widths: list[int], cells: Sequence[Sequence[str]], room: int) -> bool:
    """Narrow the widest columns until a table fits; say whether it does."""
    least = [
        max([min(size, _NARROW), *(width(word) for text in column for word in text.split())])
        for size, column in zip(widths, zip(*cells, strict=True), strict=True)
    ]
    room -= len(_GAP) * (len(widths) - 1)
    while sum(widths) > room:
        slack = [at for at, size in enumerate(widths) if size > least[at]]
        if not slack:
            return False
        widths[max(slack, key=widths.__getitem__)] -= 1
    return True


def _wrapped(text: str, columns: int) -> list[str]:
    """Break a text at its spaces into lines of so many columns; a longer word has a line of its own."""
    if width(text) <= columns:
        return [text]
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if width(longer) <= columns or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def pairs(values: Mapping[str, Any], indent: str = "") -> None:
    """Print one field to a line; on a terminal a long value goes on below itself."""
    size = max(map(len, values), default=0)
    before = len(indent) + size + len(_GAP)
    room = _columns_of_terminal()
    for name, value in values.items():
        text = cell(value)
        first, *rest = [text] if room is None else _wrapped(text, max(room - before, _NARROW))
        out(f"{indent}{name.ljust(size)}{_GAP}{first}".rstrip())
        for line in rest:
            out(" " * before + line)


def cell(value: Any) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(map(_pair, value, value.values())) or "-"
    if isinstance(value, str | int | float | date):
        return safe(str(value)) or "-"
    if isinstance(value, Iterable):
        return ", ".join(cell(each) for each in value) or "-"
    return safe(str(value))


def _pair(name: str, value: Any) -> str:
    return f"{name}: {cell(value)}" if isinstance(value, Mapping) else f"{name}={cell(value)}"


def count(number: int, one: str, more_than_one: str | None = None) -> str:
    """Return a number with its noun, such as ``1 row`` and ``2 rows``."""
    return f"{number} {one if number == 1 else more_than_one or f'{one}s'}"


@contextmanager
def bar(label: str) -> Iterator[Progress]:
    """Draw a progress bar on standard error while it is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import console, progress  # loads what a pipe does not need

    with progress.Progress(console=console.Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(label, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total)
