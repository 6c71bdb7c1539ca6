"""The same question gives the same bytes, wherever and by whomever it is asked."""

import json
import os
import subprocess
import sys
from pathlib import Path

from permits_engine.policies.loading import packaged
from tests.e2e.command_line import COUNTER, DECIDER, Cli

PLACES = (
    {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"},
    {"TZ": "Pacific/Auckland", "LC_ALL": "ar_MA.UTF-8", "LANG": "ar_MA.UTF-8", "PYTHONHASHSEED": "1"},
    {"TZ": "America/Los_Angeles", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "4242", "COLUMNS": "40"},
)
"""Far apart on the clock, with other letters, sorting, hash seeds and widths of the terminal."""


def test_the_same_question_gives_the_same_bytes_anywhere(cli: Cli, tmp_path: Path) -> None:
    """Views, histories, reasons, differences, replays and what-ifs, for people and for programs."""
    permit_id = cli.title(file_number="RAB/2016/é٣")
    for name, day, who in (
        ("request_renewal", "2018-01-10", COUNTER),
        ("renew_permit", "2018-01-20", DECIDER),
    ):
        cli.did({"command": name, "on": day, "actor": who, "permit_id": permit_id})
    policy = tmp_path / "other.yaml"
    policy.write_text(packaged("MA").replace("value: P3Y", "value: P2Y"), encoding="utf-8")
    events = cli.ok("history", permit_id, "--json").json
    first, last = events[1]["recorded_at"], events[-1]["recorded_at"]
    questions = (
        ("show", permit_id, "--as-of", "2018-02-10", "--known-at", last),
        ("history", permit_id),
        ("explain", permit_id, "--version", "4"),
        ("diff", permit_id, "--known-at", first, "--known-at", last, "--as-of", "2018-01-15"),
        ("replay",),
        ("what-if", "--policy", str(policy), "--until", "2021-03-01", "--by", "year"),
    )
    asked = [[*question, *form] for question in questions for form in ([], ["--json"])]
    answers = [_answers(cli, asked, place, tmp_path) for place in PLACES]
    for question, *said in zip(asked, *answers, strict=True):
        assert len(set(said)) == 1, question
        assert said[0], question


_ASKING = """
import json, os, sys
from permits_engine.cli.app import run
for number, arguments in enumerate(json.loads(sys.argv[1])):
    sys.stdout.flush()
    os.dup2(os.open(f"{sys.argv[2]}.{number}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    assert run(arguments) == 0, arguments
"""
"""One process for all questions, each answer into a file of its own."""


def _answers(cli: Cli, asked: list[list[str]], place: dict[str, str], folder: Path) -> list[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "TZ"))}
    given = json.dumps([["--store", cli.store, *each] for each in asked])
    answers = folder / place["TZ"].replace("/", "-")
    subprocess.run(
        [sys.executable, "-c", _ASKING, given, str(answers)],
        env={**kept, "PYTHONUTF8": "1", **place},
        cwd=folder,
        check=True,
    )
    return [Path(f"{answers}.{number}").read_bytes() for number in range(len(asked))]


def test_diff_is_told_in_words_and_for_programs(cli: Cli) -> None:
    """Each field with before, after and cause; one moment is compared with now; refusals have their codes."""
    permit_id = cli.title()
    recorded = [each["recorded_at"] for each in cli.ok("history", permit_id, "--json").json]
    asked = ("diff", permit_id, "--known-at", recorded[2], "--as-of", "2017-06-01")
    found = cli.ok(*asked, "--json").json
    fields = {each["field"]: (each["before"], each["after"]) for each in found["fields"]}
    assert fields["title_status"] == ("none", "active")
    said = cli.ok(*asked, "--known-at", recorded[3]).out
    assert "title_status: none -> active" in said
    assert "by permit.issued (version 4) of 2017-02-01; officer-3 (decider), recorded" in said
    assert (
        cli("diff", permit_id, "--known-at", "2190-01-01T00:00:00Z", "--json").error["code"]
        == "position.beyond_head"
    )
    assert cli("diff", permit_id, "--json").code == 2
    assert cli("diff", permit_id, "--known-at", "yesterday", "--json").error["code"] == "input.invalid"


def test_history_and_rights_are_asked_on_both_axes(cli: Cli) -> None:
    """--as-of and --known-at, with the refusals of show."""
    permit_id = cli.title()
    recorded = [each["recorded_at"] for each in cli.ok("history", permit_id, "--json").json]
    assert len(cli.ok("history", permit_id, "--known-at", recorded[1], "--json").json) == 2
    assert len(cli.ok("history", permit_id, "--as-of", "2017-01-20", "--json").json) == 3
    rows = cli.ok("rights", permit_id, "--on", "2017-06-01", "--known-at", recorded[1], "--json").json
    assert rows != cli.ok("rights", permit_id, "--on", "2017-06-01", "--json").json
    late = "2190-01-01T00:00:00Z"
    for question in ("history", "rights"):
        assert cli(question, permit_id, "--known-at", late, "--json").error["code"] == "position.beyond_head"
