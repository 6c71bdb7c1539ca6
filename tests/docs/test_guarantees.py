"""The page of guarantees, and the threat model where it claims as much, name tests that are there."""

import ast
import re
from functools import cache
from pathlib import Path

from tests.docs.pages import ROOT

PAGES = [ROOT / "docs" / name for name in ("guarantees.md", "threat-model.md")]
_ROWS = [line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()]
ROWS = [line for line in _ROWS if line.startswith("| ") and "`tests/" in line]


@cache
def _tests_of(path: Path) -> dict[str, str | None]:
    """The tests of a file with the claims in their docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        each.name: ast.get_docstring(each)
        for each in ast.walk(tree)
        if isinstance(each, ast.FunctionDef) and each.name.startswith("test_")
    }


def test_every_guarantee_names_a_test_that_is_there() -> None:
    """Each row has a sentence and at least one test, which exists and states its claim."""
    assert len(ROWS) > 30
    for row in ROWS:
        _, sentence, held, _ = row.split("|")
        assert sentence.strip().endswith("."), row
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", held)
        assert named, f"no test holds: {sentence}"
        for path, name in named:
            found = _tests_of(ROOT / path)
            assert found.get(name), f"{path}::{name} is not there, or states no claim"


def test_every_guarantee_is_named_once() -> None:
    """A test may hold several sentences, but no sentence is repeated."""
    sentences = [row.split("|")[1].strip() for row in ROWS]
    assert len(set(sentences)) == len(sentences)
