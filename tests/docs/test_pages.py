"""README and docs say what is so: commands print what the pages show, and generated tables are current."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.forks import forking
from tests.docs.makers import MAKERS
from tests.docs.pages import PAGES, ROOT, blocks, generated, matches, run, sessions


@pytest.fixture(scope="module")
def forks() -> Iterator[Path]:
    """The address where a loaded ``permits`` can be had."""
    with forking() as address:
        yield address


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_shows_what_its_commands_print(
    path: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every console and Python block of the page, one after the other in one empty folder."""
    typed = "$ permits" in path.read_text(encoding="utf-8") and path.stem != "README"
    forks = request.getfixturevalue("forks") if typed else None
    folder = tmp_path / "tour"
    folder.mkdir()
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.language == "python":
            (folder / "page.py").write_text(block.text, encoding="utf-8")
            came = run("python page.py && echo done", folder, forks)
            assert came.endswith("done"), f"{path.name}, line {block.line}:\n{came}"
        for each in sessions(block.text) if block.language == "console" else ():
            came = run(each.command, folder, forks)
            assert matches(each.expected, came), f"{path.name}, line {block.line}: $ {each.command}\n{came}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_generated_sections_are_current(path: Path) -> None:
    """`make docs` would change nothing."""
    page = path.read_text(encoding="utf-8")
    assert generated(page, MAKERS) == page


def test_the_committed_diagram_is_drawn_from_the_table() -> None:
    """The page on the lifecycle holds each of the generated sections."""
    page = (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
    for name in ("diagram", "commands by state", "acts from"):
        assert MAKERS[name]() in page


def test_a_definition_that_the_architecture_names_is_in_the_linked_module() -> None:
    """``[`name`](../permits_engine/x.py)`` names a function, class, method or constant of that module."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    found = re.findall(r"\[`([\w.]+)`\]\(\.\./(permits_engine/[\w/]+\.py)\)", page)
    assert len(found) > 20
    for name, module in found:
        if name.endswith(".py"):
            continue
        source, last = (ROOT / module).read_text(encoding="utf-8"), name.rpartition(".")[2]
        assert re.search(rf"(?m)^ *(?:def|class) {last}\b|^{last}\b", source), f"{module} defines no {name}"


def test_the_recipes_name_files_that_are_there() -> None:
    """CONTRIBUTING names each file and folder of the package by its path."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:permits_engine|tests)/[\w./-]*)`", page):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("path", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda path: path.stem)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    """A relative link names a file of the checkout, and its anchor a heading there."""
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{path.name} links to {target}"
        if anchor:
            headings = re.findall(r"(?m)^#+ (.+)$", file.read_text(encoding="utf-8"))
            slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in slugs, f"{path.name} links to {target}"


@pytest.mark.parametrize(
    ("expected", "came", "same"),
    [
        ("a … c", "a b c", True),
        ("a … c", "a b d", False),
        ("first\n…\nlast", "first\n1\n2\nlast", True),
        ("first\n…\nlast", "first\n1\n2", False),
        ("", "", True),
        ("", "something", False),
    ],
)
def test_dots_stand_for_what_varies(expected: str, came: str, same: bool) -> None:
    """And for nothing else."""
    assert matches(expected, came) is same
