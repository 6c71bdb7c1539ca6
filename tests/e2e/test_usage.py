"""What makes a command line pleasant: help for every option, completion, quiet pipes, Ctrl-C, a quick start."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from permits_engine.cli import registry
from permits_engine.cli.app import command
from tests.e2e.command_line import Cli, application

CONTRACT = {
    *("init", "policy adopt", "policy show", "policy check", "policy diff", "execute", "show", "history"),
    *("explain", "list", "due", "daemon", "rebuild", "scenario run", "notices", "notices retry", "status"),
    *("doctor", "demo"),
}
WITHOUT_JSON: set[str] = set()


COMMANDS = {"": command(), **registry.every_command()}
LEAVES = {name: command for name, command in COMMANDS.items() if not getattr(command, "commands", {})}


def test_every_command_of_the_contract_is_there() -> None:
    """Section 6 of the contract, as far as it is built here."""
    assert set(COMMANDS) >= CONTRACT


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_documented(bare: Cli, name: str) -> None:
    """--help says what the command does and what each option and argument is for, required ones included."""
    command = COMMANDS[name]
    told = bare.ok(*name.split(), "--help").out
    assert f"Usage: permits {name}".rstrip() in told
    assert command.help
    for param in command.params:
        assert getattr(param, "help", None), f"permits {name}: {param.name} has no help"
        shown = param.opts[0] if param.param_type_name == "option" else param.metavar
        assert shown in told
        if param.required and param.param_type_name == "option":
            assert re.search(rf"{re.escape(shown)}.*?\[required\]", told, re.DOTALL), shown


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_prints_json_where_asked(name: str) -> None:
    """A command that prints a result takes --json."""
    options = {option for param in LEAVES[name].params for option in param.opts}
    assert "--json" in options or name in WITHOUT_JSON


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_is_readable(name: str) -> None:
    """The one line about each command in the list of its group is whole."""
    for each in getattr(COMMANDS[name], "commands", {}).values():
        assert not each.get_short_help_str(59).endswith("..."), each.name


@pytest.mark.parametrize("name", registry.COMMANDS)
def test_the_list_says_what_the_help_begins_with(name: str) -> None:
    """The table of commands, which is read without loading them, says the same as each command's own help."""
    assert COMMANDS[name].help.partition("\n")[0] == registry.COMMANDS[name][1]


@pytest.mark.parametrize("arguments", [[], ["policy"], ["scenario"]], ids=" ".join)
def test_a_group_without_a_command_shows_its_help(bare: Cli, arguments: list[str]) -> None:
    """``permits`` alone lists what there is, on standard output."""
    done = bare(*arguments)
    assert done.code == 2
    assert "Commands:" in done.out
    assert done.err == ""


def test_help_and_version_need_no_store(bare: Cli) -> None:
    """-h, --help and --version succeed anywhere and leave nothing behind."""
    for arguments in (["-h"], ["--help"], ["show", "-h"], ["--version"]):
        assert bare.ok(*arguments).out
    assert list(bare.folder.iterdir()) == []


def finished(process: Any) -> tuple[int, str, str]:
    """The end of a process: its code and what it printed."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out.decode(), err.decode()


def test_the_help_is_there_at_once(shell: Any) -> None:
    """permits --help costs little more than loading typer does (measured twice of it), since nothing heavy is loaded.

    Both are measured here, side by side: a machine that is busy makes both slower.
    """

    def used() -> float:
        now = os.times()
        return now.children_user + now.children_system

    typer_alone, help_shown = [], []
    for _ in range(3):
        began = used()
        subprocess.run([sys.executable, "-c", "import typer.main"], check=True)
        between = used()
        code, out, _ = finished(shell("--help"))
        assert (code, "Usage: permits" in out) == (0, True)
        typer_alone.append(between - began)
        help_shown.append(used() - between)
    assert min(help_shown) < 4 * min(typer_alone)


def test_importing_the_package_loads_nothing_heavy() -> None:
    """``import permits_engine`` loads neither sqlalchemy nor pydantic nor any other library."""
    code = (
        "import sys; before = set(sys.modules); import permits_engine; "
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['permits_engine']"


def test_showing_help_loads_neither_engine_nor_store() -> None:
    """The command line loads sqlalchemy, pydantic and yaml only when a command needs them."""
    code = (
        "import sys, io; sys.stdout = io.StringIO(); from permits_engine.cli.app import run; run(['--help']); "
        "sys.stdout = sys.__stdout__; "
        "print([name for name in ('sqlalchemy', 'pydantic', 'yaml', 'alembic', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell: Any, name: str) -> None:
    """--show-completion prints a script for the shell, and that script asks permits for the words."""
    environment = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    code, out, _ = finished(shell("--show-completion", name, env=environment))
    assert code == 0
    assert "_PERMITS_COMPLETE" in out
    if name == "bash":
        asked = {"_PERMITS_COMPLETE": "complete_bash", "COMP_WORDS": "permits policy s", "COMP_CWORD": "2"}
        code, out, _ = finished(shell(env=asked))
        assert (code, out.split()) == (0, ["show"])


def test_a_reader_that_goes_away_is_no_error(sqlite_cli: Cli, shell: Any, tmp_path: Path) -> None:
    """``permits list | head -1`` says nothing on standard error."""
    holder_id = sqlite_cli.holder()
    sqlite_cli.did(*(application(holder_id) for _ in range(400)))
    for arguments in (["list", "--json", "--limit", "1000"], ["list", "--json", "--limit", "900"]):
        process = shell(
            "--store", str(sqlite_cli.store), *arguments, env={"PERMITS_KEYS": os.environ["PERMITS_KEYS"]}
        )
        assert process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read().decode()
        process.stderr.close()
        assert (said, process.wait(timeout=60)) == ("", 141)


def test_an_output_that_cannot_be_written_is_said(sqlite_cli: Cli, shell: Any) -> None:
    """A full disk under standard output is a sentence and exit 1."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("wb") as full:
        process = shell(
            *("--store", str(sqlite_cli.store), "status"),
            env={"PERMITS_KEYS": os.environ["PERMITS_KEYS"]},
            stdout=full,
        )
        code, said = process.wait(timeout=60), process.stderr.read().decode()
        process.stderr.close()
    assert code == 1
    assert "the result cannot be written: No space left on device" in said
    assert "Traceback" not in said
    assert "Exception ignored" not in said


def test_ctrl_c_stops_quietly_and_keeps_what_was_done(sqlite_cli: Cli, shell: Any) -> None:
    """An interrupted execute ends with 130 and without a traceback; what was told is in the history."""
    holder_id = sqlite_cli.holder()
    position = sqlite_cli.position
    process = shell(
        *("--store", str(sqlite_cli.store), "execute"),
        env={"PERMITS_KEYS": os.environ["PERMITS_KEYS"]},
        stdin=subprocess.PIPE,
    )
    process.stdin.write(json.dumps(application(holder_id)).encode() + b"\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["ok"] is True
    process.send_signal(signal.SIGINT)
    code, said = process.wait(timeout=60), process.stderr.read().decode()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()
    assert (code, said) == (130, "permits: stopped\n")
    assert sqlite_cli.position == position + 2


def test_closed_streams_are_no_traceback(sqlite_cli: Cli, shell: Any) -> None:
    """Standard streams that the caller closed are as good as empty ones."""
    command = f'"{sys.executable}" -m permits_engine.cli --store {sqlite_cli.store}'
    kept = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for line, code in (
        (f"{command} status >&-", 0),
        (f"{command} list 2>&-", 0),
        (f"{command} execute <&-", 2),
    ):
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, env=kept)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), (line, done)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_terminal_can_show_any_name(sqlite_cli: Cli, shell: Any, encoding: str) -> None:
    """Where the terminal knows no Arabic, JSON is escaped and text is spelt out; nothing fails."""
    permit_id = sqlite_cli.application(file_number="ملف 🌍")
    environment = {"PERMITS_KEYS": os.environ["PERMITS_KEYS"], "PYTHONIOENCODING": encoding}
    where = "--store", str(sqlite_cli.store)
    code, out, _ = finished(shell(*where, "show", permit_id, "--json", env=environment))
    assert (code, json.loads(out)["file_number"]) == (0, "ملف 🌍")
    code, out, err = finished(shell(*where, "show", permit_id, env=environment))
    assert (code, err) == (0, "")


def test_progress_is_for_terminals_only(sqlite_cli: Cli, shell: Any) -> None:
    """rebuild draws on a terminal's standard error, and writes nothing there in a pipe."""
    sqlite_cli.title()
    arguments = ["--store", str(sqlite_cli.store), "rebuild"]
    environment = {"PERMITS_KEYS": os.environ["PERMITS_KEYS"], "TERM": "xterm"}
    # One row of the file, and what the file and its holder are found by.
    assert finished(shell(*arguments, env=environment)) == (0, "3 rows written, 0 streams parked\n", "")
    leader, follower = pty.openpty()
    process = shell(*arguments, env=environment, stderr=follower)
    os.close(follower)
    drawn = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:
            break
        if not part:
            break
        drawn += part
    os.close(leader)
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert b"rebuilding" in drawn


def test_thousands_of_lines_stream_in_flat_memory(sqlite_cli: Cli, shell: Any, tmp_path: Path) -> None:
    """Outcomes come while lines are still read, and memory does not grow with the file."""
    holder_id = sqlite_cli.holder()
    refused = json.dumps(application(holder_id) | {"criterion": "R9", "on": "2016-12-20"}).encode() + b"\n"
    peaks = []
    for count in (300, 2_000):
        file = tmp_path / f"{count}.jsonl"
        file.write_bytes(refused * count)
        code = (
            "import resource, sys; from permits_engine.cli.app import run; code = run(sys.argv[1:]); "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "--store", str(sqlite_cli.store), "execute", str(file)],
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.stdout.count(b'"criterion.unknown"') == count, done.stderr
        peaks.append(int(done.stderr.split()[-1]))
    assert peaks[1] < peaks[0] * 1.1


def test_an_outcome_is_told_before_the_next_line_is_given(sqlite_cli: Cli, shell: Any) -> None:
    """A caller that writes one command and waits for its outcome gets it at once."""
    holder_id = sqlite_cli.holder()
    process = shell(
        *("--store", str(sqlite_cli.store), "execute"),
        env={"PERMITS_KEYS": os.environ["PERMITS_KEYS"]},
        stdin=subprocess.PIPE,
    )
    for _ in range(3):
        process.stdin.write(json.dumps(application(holder_id)).encode() + b"\n")
        process.stdin.flush()
        began = time.monotonic()
        assert json.loads(process.stdout.readline())["ok"] is True
        assert time.monotonic() - began < 30
    code, out, err = finished(process)
    assert (code, out, err) == (0, "", "")
