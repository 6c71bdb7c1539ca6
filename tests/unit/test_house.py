"""The house as it was agreed: sizes, imports, countries and words of the package, each with its limit."""

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.unit.test_repository import ROOT

PACKAGE = ROOT / "permits_engine"
LONGEST_FILE, LONGEST_FUNCTION = 400, 40
TABLES = frozenset({"projections/permit_rows.py:evaluated"})
"""Functions that are a table and nothing else, by module and name: these may be longer."""

# What is allowed today; each number only ever goes down.
FILES_TOO_LONG = 0
FUNCTIONS_TOO_LONG = 0
IMPORTS_IN_FUNCTIONS = 30
COUNTRIES_IN_CODE = 0
MANNERED = 0
UNTYPED_PARTS = 0

WORDS = re.compile(r"\b(whoever|nobody|somebody|hangs? on|of before|what became of)\b", re.IGNORECASE)
COUNTRY = re.compile(r"^(MA|Africa/Casablanca)$")


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package by its path below it."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def at_most(limit: int, found: list[Any]) -> None:
    """Fail with the whole list where more breaks a rule than is allowed."""
    assert len(found) <= limit, f"{len(found)}, at most {limit}:\n" + "\n".join(map(str, found))


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    sizes = {path: len((PACKAGE / path).read_text(encoding="utf-8").splitlines()) for path in modules()}
    at_most(FILES_TOO_LONG, [(path, lines) for path, lines in sizes.items() if lines > LONGEST_FILE])


def test_no_test_file_is_longer_than_four_hundred_lines() -> None:
    sizes = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "tests").rglob("*.py")
    }
    at_most(0, [(path.relative_to(ROOT), lines) for path, lines in sizes.items() if lines > LONGEST_FILE])


def test_no_function_is_longer_than_forty_lines() -> None:
    found = []
    for path, tree in modules().items():
        for each in functions(tree):
            lines = (each.end_lineno or each.lineno) - each.lineno + 1
            if lines > LONGEST_FUNCTION and f"{path}:{each.name}" not in TABLES:
                found.append(f"{path}:{each.lineno}: {each.name} has {lines} lines")
    at_most(FUNCTIONS_TOO_LONG, found)


def test_imports_stand_at_the_top_but_where_start_up_was_measured() -> None:
    found = {
        f"{path}:{node.lineno}"
        for path, tree in modules().items()
        for each in functions(tree)
        for node in ast.walk(each)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    at_most(IMPORTS_IN_FUNCTIONS, sorted(found))


def test_no_country_is_named_outside_the_demo() -> None:
    found = [
        f"{path}:{node.lineno}: {node.value}"
        for path, tree in modules().items()
        if not path.startswith("cli/demo/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and COUNTRY.match(node.value)
    ]
    at_most(COUNTRIES_IN_CODE, found)


def strings_and_comments(text: str) -> list[tuple[int, str]]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [(t.start[0], t.string) for t in tokens if t.type in (tokenize.COMMENT, tokenize.STRING)]


def prose(text: str) -> list[tuple[int, str]]:
    """The docstrings, comments and names of functions of a test, without the values that it works with."""
    found = [line for line in strings_and_comments(text) if line[1].startswith("#")]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.append((node.lineno, str(node.value.value)))
        elif isinstance(node, ast.FunctionDef):
            found.append((node.lineno, node.name.replace("_", " ")))
    return found


def lines(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.splitlines(), start=1))


@pytest.mark.parametrize(
    ("folder", "pattern", "read"),
    [
        ("permits_engine", "*.py", strings_and_comments),
        ("tests", "*.py", prose),
        ("examples", "*.py", strings_and_comments),
        ("docs", "*.md", lines),
    ],
)
def test_docstrings_comments_and_pages_are_in_plain_words(folder: str, pattern: str, read: Any) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {said[0]}"
        for path in sorted((ROOT / folder).rglob(pattern))
        for line, text in read(path.read_text(encoding="utf-8"))
        for said in WORDS.finditer(text)
    ]
    at_most(MANNERED, found)


def test_parts_of_the_engine_are_typed() -> None:
    found = [
        f"{path}:{each.lineno}: {each.name}({given.arg}: Any)"
        for path, tree in modules().items()
        for each in functions(tree)
        for given in (*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs)
        if given.arg in ("engine", "executor", "context", "reader", "tx", "uow")
        and isinstance(given.annotation, ast.Name)
        and given.annotation.id == "Any"
    ]
    at_most(UNTYPED_PARTS, found)


def test_every_room_and_module_has_its_floor() -> None:
    """The layer contracts name each module below them, so that a new one fails until it is given its floor."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = [contract for contract in settings["contracts"] if contract["type"] == "layers"]
    assert {room for contract in layers for room in contract["containers"]} >= {
        "permits_engine",
        *(f"permits_engine.{room}" for room in ("domain", "store", "application", "scheduler", "audit")),
    }
    assert all(contract.get("exhaustive") for contract in layers)
    assert settings.get("exclude_type_checking_imports") is False
