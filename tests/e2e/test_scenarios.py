"""The law as examples, through the command line; the examples themselves are tests by the pytest plug-in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios").glob("*.yaml"))


def test_every_scenario_of_the_checkout_is_collected() -> None:
    """As many tests as there are files: none of them is passed over in silence."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *SCENARIOS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("::scenario") == len(SCENARIOS) > 60


def test_a_failing_expectation_is_told_with_the_working(tmp_path: Path) -> None:
    """The command line says the step, what was expected, what came and how the day was counted; exit 1."""
    text = (
        (SCENARIOS[0])
        .read_text(encoding="utf-8")
        .replace("valid_until: 2018-01-31", "valid_until: 2018-02-28")
    )
    broken = tmp_path / "broken.yaml"
    broken.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "permits_engine.cli", "scenario", "run", "--json", str(broken)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    [told] = json.loads(done.stdout)
    assert told["failures"][0]["field"] == "valid_until"
    assert told["failures"][0]["expected"] == "2018-02-28"
    assert told["failures"][0]["came"] == "2018-01-31"
    assert any("inclusive" in line for line in told["failures"][0]["explanation"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "name: x",
        "name: x\njurisdiction: MA\nsteps: []",
        "steps: [",
        "name: x\njurisdiction: MA\nsteps: [{day: never}]",
    ],
)
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str) -> None:
    """An unreadable scenario is exit 2 with a sentence, and never a traceback."""
    broken = tmp_path / "broken.yaml"
    broken.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "permits_engine.cli", "scenario", "run", str(broken)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert "input.invalid" in done.stderr
    assert "Traceback" not in done.stderr
