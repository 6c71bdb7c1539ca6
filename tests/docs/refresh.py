"""``make docs``: generated sections made anew, and outputs that have changed put into the pages."""

import sys
import tempfile
from pathlib import Path

from tests.docs.makers import MAKERS
from tests.docs.pages import PAGES, blocks, generated, matches, run, sessions


def refreshed(page: str, folder: Path) -> str:
    """The page as it would be if every command were typed today; what still matches stays."""
    page = generated(page, MAKERS)
    for block in reversed(list(_made(page, folder))):
        start, length, text = block
        page = page[:start] + text + page[start + length :]
    return page


def _made(page: str, folder: Path) -> list[tuple[int, int, str]]:
    found = []
    for block in blocks(page):
        if block.language == "python":
            (folder / "page.py").write_text(block.text, encoding="utf-8")
            run("python page.py", folder)
        if block.language != "console":
            continue
        parts = []
        for each in sessions(block.text):
            came = run(each.command, folder)
            parts += [f"$ {each.command}", each.expected if matches(each.expected, came) else came]
        text = "\n".join(part for part in parts if part) + "\n"
        found.append((block.start, len(block.text), text))
    return found


def main() -> None:
    """Refresh the pages named, or all."""
    for path in [Path(name).resolve() for name in sys.argv[1:]] or PAGES:
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home) / "tour"
            folder.mkdir()
            before = path.read_text(encoding="utf-8")
            after = refreshed(before, folder)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"{path.name} has changed")


if __name__ == "__main__":
    main()
