"""Both type checkers over every Python block of the documents, and over the uses of the public names.

``make check-docs`` runs it. Each block is a program of its own, as when the pages are run.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs.pages import PAGES, ROOT, blocks

PUBLIC = ROOT / "tests" / "typing" / "public_api.py"
MYPY = ("--python-version", "3.11", "--check-untyped-defs", "--no-error-summary", "--hide-error-context")


def written(folder: Path) -> dict[str, str]:
    """Write each block into a file of its own; return where on its page each is, by name of file."""
    places = {}
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8")):
            if block.language == "python":
                name = f"{re.sub('[^a-z0-9]', '_', page.stem.lower())}_{block.line}"
                # As many empty lines before it as there are on the page: faults bear the page's own line numbers.
                (folder / f"{name}.py").write_text("\n" * (block.line) + block.text, encoding="utf-8")
                places[name] = page.relative_to(ROOT).as_posix()
    return places


def said(command: list[str], places: dict[str, str], folder: Path) -> int:
    """Run a checker and print what it finds, with pages instead of files; return its exit code."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    text = (done.stdout + done.stderr).replace(f"{folder}/", "")
    for name, page in places.items():
        text = text.replace(f"{name}.py", page)
    if done.returncode:
        print(text.strip())
    return done.returncode


def main() -> int:
    """Check all blocks with mypy and, where it is named, with pyright; return 1 where either finds a fault."""
    parser = argparse.ArgumentParser(description="type checkers over the Python blocks of the documents")
    parser.add_argument("--pyright", help="the program, from an environment of its own")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="permits-docs-") as name:
        folder = Path(name)
        places = written(folder)
        files = [*map(str, sorted(folder.glob("*.py"))), str(PUBLIC)]
        commands = [[sys.executable, "-m", "mypy", *MYPY, *files]]
        if given.pyright:
            commands.append([given.pyright, "--pythonpath", sys.executable, *files])
        codes = [said(command, places, folder) for command in commands]
    print(f"{len(places)} blocks of {len(set(places.values()))} pages, {len(codes)} checkers")
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
