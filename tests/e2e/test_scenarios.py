"""The law as examples, through the command line; the examples themselves are tests by the pytest plug-in."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.command_line import Cli, Done

FOLDER = Path(__file__).parents[1] / "scenarios"
SCENARIOS = sorted(FOLDER.rglob("*.yaml"))


def test_every_scenario_of_the_checkout_is_collected() -> None:
    """As many tests as there are files: none of them is passed over in silence."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", FOLDER]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("::scenario") == len(SCENARIOS) > 60


def test_a_failing_expectation_is_told_with_the_working(bare: Cli) -> None:
    """The command line says the step, what was expected, what came and how the day was counted; exit 1."""
    scenario = FOLDER / "campaigns/one-year-card-renewed-for-three-years.yaml"
    text = scenario.read_text(encoding="utf-8").replace("valid_until: 2018-01-31", "valid_until: 2018-02-28")
    done = run_text(bare, text)
    assert done.code == 1
    [told] = done.json
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
def test_a_file_that_is_no_scenario_is_refused(bare: Cli, text: str) -> None:
    """An unreadable scenario is exit 2 with a sentence, and never a traceback."""
    done = run_text(bare, text)
    assert done.code == 2
    assert "input.invalid" in done.err


STEPS = """name: a test
jurisdiction: MA
steps:
  - {day: 2016-12-20, do: lodge_application, with: {category: regularisation-2016, criterion: R5, prefecture: MA-RAB}}
"""

WRONG = {
    "a day": ("{day: never}", "steps.2.day: is not a calendar date such as 2017-01-31 (line 5)"),
    "an impossible day": ("{day: 2017-02-30}", "line 5: cannot be read"),
    "a command": ("{day: 2017-01-01, do: isue_permit}", "did you mean issue_permit?"),
    "a field of a step": ("{day: 2017-01-01, zzz: 1}", "steps.2.zzz: is not a field here"),
    "a field of the view": ("{day: 2017-01-01, expect: {titel_status: x}}", "did you mean title_status?"),
    "deadlines": ("{day: 2017-01-01, expect: {deadlines: 5}}", "expect.deadlines: is not a list"),
    "a deadline": ("{day: 2017-01-01, expect: {deadlines: [title_expiry]}}", "is not a mapping such as"),
    "a kind": ("{day: 2017-01-01, expect: {no_deadlines: [titel_expiry]}}", "did you mean title_expiry?"),
    "a notice": ("{day: 2017-01-01, expect: {notices: [{kinds: x}]}}", "did you mean kind?"),
    "no notices": ("{day: 2017-01-01, expect: {no_notices: false}}", "is true, or left out"),
    "an error": ("{day: 2017-01-01, expect: {error: opinion.mising}}", "did you mean opinion.missing?"),
    "a name": ("{day: 2017-01-01, permit: other}", "'other' names no file that an earlier step lodges"),
    "a tag": ("{day: 2017-01-01, do: !!python/name:os.system x}", "is not allowed"),
    "expectations": ("{day: 2017-01-01, expect: [a]}", "is not a mapping of names to values"),
}


def run_text(bare: Cli, text: str) -> Done:
    """Run one scenario as a file of its own."""
    Path("scenario.yaml").write_text(text, encoding="utf-8")
    return bare("scenario", "run", "scenario.yaml", "--json")


@pytest.mark.parametrize("name", WRONG)
def test_a_slip_in_a_scenario_is_named_with_its_line(bare: Cli, name: str) -> None:
    """A file with a slip is exit 2 and is not run, since a wrong kind or name would pass as kept."""
    step, says = WRONG[name]
    done = run_text(bare, f"{STEPS}  - {step}\n")
    assert done.code == 2
    assert says in done.err


def test_a_holder_that_is_none_is_named(bare: Cli) -> None:
    """The holder of a scenario is checked as register_holder would."""
    done = run_text(bare, STEPS.replace("steps:", "holder: {birth_date: never, zzz: 1}\nsteps:"))
    assert done.code == 2
    assert "holder.birth_date: is not a day, month or year" in done.err
    assert "holder.zzz: is not a field of register_holder" in done.err


def test_a_jurisdiction_without_rules_is_named(bare: Cli) -> None:
    """There are the packaged countries, and no other."""
    done = run_text(bare, STEPS.replace("jurisdiction: MA", "jurisdiction: XX"))
    assert done.code == 2
    assert "there is: MA, FR, ES" in done.err


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 5000, "#" * 1_000_001, "a: &a [*a]", "name: x\n---\nname: y"]
)
def test_a_hostile_scenario_neither_hangs_nor_crashes(bare: Cli, text: str) -> None:
    """Depth, size, self-reference and several documents are refused before they are read."""
    assert run_text(bare, text).code == 2


def test_one_of_several_files_does_not_hide_the_others(bare: Cli) -> None:
    """Each file is told; the gravest decides the exit code; a count ends the output."""
    Path("good.yaml").write_text(STEPS, encoding="utf-8")
    Path("bad.yaml").write_text(
        STEPS + "  - {day: 2017-01-01, expect: {title_status: active}}\n", encoding="utf-8"
    )
    done = bare("scenario", "run", "good.yaml", "bad.yaml", "absent.yaml")
    assert done.code == 2
    assert "passed  a test (1 steps)" in done.out
    assert "FAILED  a test (2 steps)" in done.out
    assert "absent.yaml: input.invalid: No such file" in done.err
    assert done.out.rstrip().endswith("1 of 3 passed")
    assert bare("scenario", "run", "good.yaml", "bad.yaml").code == 1
    assert list(bare.folder.glob("*.db")) == []


def test_a_folder_runs_every_scenario_below_it(bare: Cli) -> None:
    """Every .yaml file at any depth is run, in the order of their paths, beside files named one by one."""
    below = ["laws/a.yaml", "laws/rights/c.yaml", "laws/terms/b.yaml"]
    for name in (*below, "one.yaml", "laws/notes.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(STEPS, encoding="utf-8")
    done = bare("scenario", "run", "laws", "one.yaml", "--json")
    assert done.code == 0, done.err
    assert [Path(each["file"]).as_posix() for each in done.json] == [*below, "one.yaml"]


def test_a_folder_without_a_scenario_is_refused_with_the_remedy(bare: Cli) -> None:
    """It is exit 2, so that a wrong path does not pass as kept; what else is named is run."""
    Path("empty").mkdir()
    Path("empty/notes.txt").touch()
    Path("good.yaml").write_text(STEPS, encoding="utf-8")
    done = bare("scenario", "run", "empty", "good.yaml")
    assert done.code == 2
    assert "empty: input.invalid: holds no .yaml file; name a scenario file or a folder of them" in done.err
    assert "1 of 2 passed" in done.out


def test_a_look_back_sees_what_is_known_now(bare: Cli) -> None:
    """A step on an earlier day only looks; the clock, and so what is known, does not go back."""
    advice = "{body: local_commission, favourable: true, reasons: shown}"
    text = f"""{STEPS}  - {{day: 2017-01-20, do: record_opinion, with: {advice}}}
  - {{day: 2017-02-01, do: issue_permit, expect: {{title_status: active}}}}
  - {{day: 2017-01-15, expect: {{title_status: none, application_status: under_review, version: 4}}}}
  - {{day: 2017-03-01, do: record_exit, with: {{on: 2017-02-20}}, expect: {{events: [permit.exit_recorded]}}}}
"""
    done = run_text(bare, text)
    assert done.code == 0, done.out


def test_each_file_of_a_scenario_has_its_own_events(bare: Cli) -> None:
    """The events of a step are those of the file that it is about, also where it opens a second one."""
    filed = "[permit.application_lodged, permit.receipt_issued]"
    again = STEPS.splitlines()[-1].replace("2016-12-20", "2016-12-22").rstrip("}")
    text = f"{STEPS}{again}}}, permit: second, expect: {{events: {filed}}}}}\n"
    done = run_text(bare, text)
    assert done.code == 0, done.out
