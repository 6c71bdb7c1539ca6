"""The plug-in in a host's own pytest: scenarios become tests, and no other file does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOLDS = """
name: A card of one year
jurisdiction: MA
steps:
  - {day: 2016-12-20, do: lodge_application, with: {category: regularisation-2016, criterion: R5, prefecture: MA-RAB}}
  - {day: 2017-01-20, do: record_opinion, with: {body: local_commission, favourable: true, reasons: shown}}
  - {day: 2017-02-01, do: issue_permit, expect: {title_status: active, valid_until: 2018-01-31}}
"""
FAILS = HOLDS.replace("2018-01-31", "2018-02-28")
WORKFLOW = """
name: build
on: push
jobs: {build: {steps: [{run: make}]}}
steps: 3
"""


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """A host's own pytest run in a folder, which knows nothing of this checkout's settings."""
    (folder / "pytest.ini").touch()
    plugins = ["-p", "permits_engine.testing.plugin", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *plugins, "-q", *arguments]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_scenario_among_the_tests_is_a_test(tmp_path: Path) -> None:
    """It passes or fails like any other; a failure says step, expectation, what came and the working."""
    (tmp_path / "holds.yaml").write_text(HOLDS, encoding="utf-8")
    (tmp_path / "fails.scenario.yml").write_text(FAILS, encoding="utf-8")
    code, said = run(tmp_path)
    assert code == 1
    assert "1 failed, 1 passed" in said
    assert "step 3 (2017-02-01, issue_permit): valid_until" in said
    assert "expected: 2018-02-28" in said
    assert "came:     2018-01-31" in said
    assert "inclusive" in said
    assert "Traceback" not in said


def test_foreign_yaml_is_left_alone(tmp_path: Path) -> None:
    """Neither read as a scenario nor complained about, whatever is in it."""
    (tmp_path / "workflow.yaml").write_text(WORKFLOW, encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("steps: [", encoding="utf-8")
    (tmp_path / "binary.yaml").write_bytes(b"\x00\xff" * 100)
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n", encoding="utf-8")
    code, said = run(tmp_path)
    assert (code, "1 passed" in said) == (0, True), said


@pytest.mark.parametrize(
    ("pattern", "passed"), [("laws/*.yaml", 1), ("*.scenario.yaml", 1), ("*.yaml", 3), ("none", 0)]
)
def test_an_ini_option_says_which_files_are_meant(tmp_path: Path, pattern: str, passed: int) -> None:
    """Patterns of paths or names, instead of a look into the files."""
    (tmp_path / "laws").mkdir()
    for name in ("laws/one.yaml", "two.scenario.yaml", "three.yaml"):
        (tmp_path / name).write_text(HOLDS, encoding="utf-8")
    code, said = run(tmp_path, "-o", f"permits_scenarios={pattern}")
    assert (f"{passed} passed" in said) if passed else code == 5, said


def test_a_file_that_should_be_a_scenario_and_is_none_fails_with_the_reason(tmp_path: Path) -> None:
    """The field and the remedy, no traceback."""
    (tmp_path / "law.yaml").write_text(HOLDS.replace("do: issue_permit", "do: give_card"), encoding="utf-8")
    code, said = run(tmp_path)
    assert code == 1
    assert "input.invalid" in said
    assert "give_card" in said
    assert "Traceback" not in said


def test_an_office_is_a_fixture(tmp_path: Path) -> None:
    """Each test gets its own store in memory."""
    (tmp_path / "test_it.py").write_text(
        "def test_one(permits_office):\n"
        "    permit_id = permits_office.title()\n"
        "    assert permits_office.engine.permit(permit_id).title_status == 'active'\n\n"
        "def test_two(permits_office):\n"
        "    assert permits_office.engine.find() == []\n",
        encoding="utf-8",
    )
    code, said = run(tmp_path)
    assert (code, "2 passed" in said) == (0, True), said


def test_the_plug_in_costs_a_run_that_needs_nothing_of_it_nothing(tmp_path: Path) -> None:
    """No engine and no database is loaded where no scenario is run."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        "    assert 'permits_engine.testing.plugin' in sys.modules\n"
        "    assert not {'sqlalchemy', 'pydantic', 'permits_engine.engine'} & set(sys.modules)\n",
        encoding="utf-8",
    )
    code, said = run(tmp_path)
    assert (code, "1 passed" in said) == (0, True), said
