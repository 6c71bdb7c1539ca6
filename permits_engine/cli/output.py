"""What commands print: results to standard output, messages to standard error; tables or JSON."""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from io import StringIO
from pathlib import Path
from traceback import extract_tb
from typing import Any, NoReturn

from permits_engine.domain.errors import PermitsError, invalid

EXIT = {"refused": 1, "input": 2, "integrity": 3, "store": 4}
"""The exit codes of the contract."""
_INPUT = frozenset({"input.invalid", "policy.invalid"})
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})


class OutputError(Exception):
    """Standard output takes nothing more; ``reason`` is none where its reader has gone."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


def prepare() -> None:
    """Make standard output and error fit to print anything, whatever the shell made of them."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, StringIO())
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def as_json(value: Any) -> str:
    """A value as JSON on one line, dates in ISO 8601."""
    wide = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
    return json.dumps(value, ensure_ascii=not wide, default=_plain, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def out(text: str = "") -> None:
    """One line of a result."""
    try:
        sys.stdout.write(text + "\n")
    except OSError as problem:
        _lost(problem)


def exact(text: str) -> None:
    """A text of which every byte counts: in UTF-8, whatever the terminal's own encoding."""
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
    # What is still in the buffer would be complained about again at the end of the process.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise OutputError(None if isinstance(problem, BrokenPipeError) else problem.strerror) from None


def say(text: str) -> None:
    """One line to the person, beside the result."""
    sys.stderr.write("\n".join(map(safe, text.split("\n"))) + "\n")


def fail(problem: PermitsError, *, machine: bool) -> int:
    """Tell an error and give its exit code."""
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
    """Tell a fault of the program itself in a sentence, with the place for whoever mends it."""
    frames = extract_tb(problem.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "nowhere"
    message = (
        # What it says may be a person's data: that is shown to whoever asks for the whole way.
        f"{type(problem).__name__} at {place}; this is a fault of the program: please report it "
        "with what you typed (PERMITS_DEBUG=1 shows the whole way)"
    )
    if machine:
        out(as_json({"error": {"code": "internal.error", "message": message, "details": {}}}))
    say(f"permits: internal.error: {message}")
    return EXIT["refused"]


def exit_code(problem: PermitsError) -> int:
    """The exit code that the contract gives to an error; a text that cannot be used is bad input."""
    if problem.code in _INPUT:
        return EXIT["input"]
    return EXIT[problem.family] if problem.family in {"integrity", "store"} else EXIT["refused"]


def result(value: Any, *, machine: bool) -> bool:
    """Print a result as JSON where that was asked for, and say whether it was."""
    if machine:
        out(as_json(value))
    return machine


# --- for people -------------------------------------------------------------------------------------------


def safe(text: str) -> str:
    """Text without anything that would steer a terminal."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def width(text: str) -> int:
    """How many columns of a terminal a text takes: none for marks, two for wide letters."""
    if text.isascii():
        return len(text)
    narrow = sum(unicodedata.category(char) not in {"Mn", "Me", "Cf"} for char in text)
    return narrow + sum(unicodedata.east_asian_width(char) in "WF" for char in text)


def padded(text: str, columns: int) -> str:
    """A cell filled up to its column; right-to-left text is kept from drawing its neighbours along."""
    fill = " " * (columns - width(text))
    if not text.isascii() and any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in text):
        return f"\u2068{text}\u2069{fill}"
    return text + fill


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> None:
    """Rows as aligned columns; nothing is cut."""
    if not rows:
        say("nothing found")
        return
    names = list(columns or rows[0])
    cells = [names, *([cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(width(line[at]) for line in cells) for at in range(len(names))]
    for line in cells:
        out("  ".join(padded(text, size) for text, size in zip(line, widths, strict=True)).rstrip())


def cut(rows: Sequence[Any], limit: int) -> None:
    """Say that there may be more rows than were asked for."""
    if len(rows) == limit:
        say(f"{limit} shown; --limit shows more")


def pairs(values: Mapping[str, Any], indent: str = "") -> None:
    """One field to a line."""
    size = max(map(len, values), default=0)
    for name, value in values.items():
        out(f"{indent}{name.ljust(size)}  {cell(value)}".rstrip())


def cell(value: Any) -> str:
    """A value as a person reads it."""
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


def write_private(name: str, content: bytes, option: str = "--out", *, replace: bool = False) -> None:
    """Write a file with mode 0600; one that is there is kept (unless ``replace``) and is ``input.invalid``."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
    try:
        descriptor = os.open(Path(name), flags, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
    except FileExistsError:
        raise invalid(option, f"{name} is there already; name another file") from None
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise invalid(option, f"{name} cannot be written ({reason})") from None


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on standard error while it is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
