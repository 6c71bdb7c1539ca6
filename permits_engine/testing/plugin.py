"""The pytest plug-in: a scenario file among the tests is a test, and ``permits_office`` is a fixture.

A ``.yaml`` whose first level names ``jurisdiction`` and ``steps`` is a scenario; any other is left alone. The ini
option ``permits_scenarios`` holds patterns of paths instead (``permits_scenarios = laws/*.yaml``; ``none``: no file).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from permits_engine import testing
from permits_engine.domain.errors import PermitsError

SUFFIXES = (".yaml", ".yml")
_MARKS = (re.compile(rb"^jurisdiction *:", re.MULTILINE), re.compile(rb"^steps *:", re.MULTILINE))
_LARGEST = 1_000_000


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option."""
    parser.addini(
        "permits_scenarios",
        "patterns of scenario files to run as tests (default: every .yaml that is one)",
        type="args",
        default=[],
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.File | None:
    """Collect a scenario file as one test."""
    if file_path.suffix not in SUFFIXES:
        return None
    patterns: list[str] = parent.config.getini("permits_scenarios")
    wanted = _matches(file_path, patterns, parent.config.rootpath) if patterns else _is_scenario(file_path)
    return ScenarioFile.from_parent(parent, path=file_path) if wanted else None


def _matches(path: Path, patterns: list[str], root: Path) -> bool:
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return any(fnmatch(name, pattern) or fnmatch(path.name, pattern) for pattern in patterns)


def _is_scenario(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST)
    except OSError:
        return False
    return all(mark.search(text) for mark in _MARKS)


class ScenarioFile(pytest.File):
    """A scenario file."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield its one test."""
        yield Scenario.from_parent(self, name="scenario")


class Unmet(Exception):
    """Expectations of a scenario that were not met, as text."""


class Scenario(pytest.Item):
    """The steps of a scenario, run on a store in memory."""

    def runtest(self) -> None:
        """Run it; raise each difference with the calculation of its deadline."""
        # A quarter of a second, in every run of pytest where this plugin is installed.
        from permits_engine.testing.scenarios import run_file

        result = run_file(self.path)
        if not result.passed:
            raise Unmet("\n\n".join(failure.in_words() for failure in result.failures))

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """Return the differences, or what is wrong with the file, without a traceback."""
        if isinstance(excinfo.value, Unmet | PermitsError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return the file."""
        return self.path, None, f"scenario: {self.path.name}"


@pytest.fixture
def permits_office() -> Iterator[testing.Office]:
    """Open an office of Rabat on a store in memory, on the morning of 1 December 2016."""
    with testing.Office.in_memory() as office:
        yield office
