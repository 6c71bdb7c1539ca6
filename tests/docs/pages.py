"""The documents as tests see them: blocks of shell and Python that are carried out, tables that are generated.

A ``console`` block holds ``$ command`` lines, each followed by what it prints; ``…`` in the expected text stands
for anything on that line, a line that is only ``…`` for any number of lines. A ``python`` block is run as it is.
All blocks of a page run in one empty folder, one after the other.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.forks import client

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(\w+)?[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Block:
    """A fenced block: its language, its text and where the text is in the page."""

    language: str
    text: str
    start: int
    line: int


@dataclass
class Session:
    """One command of a console block with the output that the page shows."""

    command: str
    expected: str


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [
        Block(m[1] or "", m[2], m.start(2), page.count("\n", 0, m.start(2)) + 1)
        for m in _FENCE.finditer(page)
    ]


def sessions(text: str) -> Iterator[Session]:
    """The commands of a console block; a here-document belongs to its command."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        assert lines[at].startswith("$ "), f"a console block begins with a command, not {lines[at]!r}"
        command = [lines[at][2:]]
        at += 1
        end = re.search(r"<<'?(\w+)'?", command[0])
        while command[-1].endswith("\\") or (end and command[-1] != end[1]):
            command.append(lines[at].removeprefix("> "))
            at += 1
        expected = []
        while at < len(lines) and not lines[at].startswith("$ "):
            expected.append(lines[at])
            at += 1
        yield Session("\n".join(command), "\n".join(expected).strip("\n"))


def run(command: str, folder: Path, forks: Path | None = None) -> str:
    """What a command prints, in the folder, with the checkout's own ``permits`` first on the path.

    With the address of a forking process ``permits`` comes from there.
    """
    # A folder for the one program, so that nothing else of the test environment is found first.
    tools = folder.parent / "tools"
    tools.mkdir(exist_ok=True)
    # Scripts, not links: behind a link Python does not find the environment that it belongs to.
    for name, arguments in (("permits", " -m permits_engine.cli"), ("python", "")):
        program = tools / name
        if forks and name == "permits" and not program.exists():
            client(forks, program)
        if not program.exists():
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
            program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PERMITS_")}
    path = os.pathsep.join([str(tools), kept["PATH"]])
    python_path = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH")]))
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={
            **kept,
            "PATH": path,
            "PYTHONPATH": python_path,
            "USER": "you",
            "LOGNAME": "you",
            "COLUMNS": "120",
            # Results and messages in the order in which they are printed, as on a terminal.
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.strip("\n")


def matches(expected: str, came: str) -> bool:
    """Whether an output is what the page shows."""
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += "[^\n]*?".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ ]*\n"
    return re.fullmatch(pattern, came + "\n" if came else "") is not None


def generated(page: str, makers: dict[str, Callable[[], str]]) -> str:
    """The page with every section between ``<!-- NAME -->`` and ``<!-- end -->`` made anew."""
    for name, make in makers.items():
        page = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)",
            lambda m, made=make: f"{m[1]}{made()}\n{m[2]}",  # type: ignore[misc]
            page,
            flags=re.DOTALL,
        )
    return page
