"""The demo from the command line, on a small scale: what it leaves, what it tells, what it refuses."""

import hashlib
import json
import os
import pty
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from permits_engine.cli.demo import applicants
from permits_engine.policies.loading import compile_text, packaged
from tests.docs.forks import client, forking
from tests.e2e.command_line import Cli
from tests.e2e.conftest import hears_ctrl_c
from tests.shared import once

SCALE = 0.004
PERMITS = [sys.executable, "-m", "permits_engine.cli"]
ROOT = Path(__file__).resolve().parents[2]


TINY = ("--scale", "0.0002")


def environment(**more: str) -> dict[str, str]:
    """The environment of a process that finds this checkout, and no settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PERMITS_")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the demo ran, with a name that a shell has to be told of in quotes."""
    return once(tmp_path_factory, "an office", run_demo)


def run_demo(home: Path) -> None:
    command = [*PERMITS, "demo", "--scale", str(SCALE), "--seed", "7", "--out", "left"]
    done = subprocess.run(command, cwd=home, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (home / "printed").write_text(done.stdout, encoding="utf-8")


@pytest.fixture(scope="module")
def told(home: Path) -> str:
    """What a demo printed that ran once for all tests."""
    return (home / "printed").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def store(home: Path, told: str) -> Iterator[sqlite3.Connection]:
    """The store it left, read with nothing of ours."""
    connection = sqlite3.connect(home / "left" / "permits.db")
    yield connection
    connection.close()


def test_it_leaves_a_store_letters_and_what_it_said(home: Path, told: str) -> None:
    """And prints nothing else: no progress in a pipe."""
    left = home / "left"
    assert (left / "account.txt").read_text(encoding="utf-8") == told
    names = {path.name for path in left.iterdir()}
    assert names >= {".permits-demo", "account.txt", "mail", "permits.db", "permits.keys"}
    assert not names & {"permits.db-wal", "permits.db-shm"}, "closed as it should be"
    assert (left / "permits.keys").stat().st_mode & 0o077 == 0
    letters = list((left / "mail").iterdir())
    assert len(letters) > 50
    assert all(path.suffix == ".eml" for path in letters)


def test_what_to_try_next_works_when_pasted(home: Path, told: str, tmp_path: Path) -> None:
    """From any folder, with real ids, and the read models are what history says."""
    lines = [line.strip() for line in told.partition("Try next:\n")[2].splitlines()]
    assert len(lines) >= 9
    script = "set -e\n" + "".join(f"echo '# {n}'\n{line}\n" for n, line in enumerate(lines))
    with forking() as address:
        client(address, tmp_path / "permits")
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, re.sub(r"\d+ shown; .*\n", "", done.stderr)) == (0, "")
    answers = re.split(r"(?m)^# \d+\n", done.stdout)[1:]
    assert all(answers[1:]), "every command but the export prints something"
    said = dict(zip(lines, answers, strict=True))
    assert said["permits rebuild --check"].endswith(" 0 differ\n")
    assert "expired" in next(answer for line, answer in said.items() if "lapsed" in line)
    assert "application_lodged" in next(a for line, a in said.items() if "history" in line)


def test_published_totals_come_out(told: str, store: sqlite3.Connection) -> None:
    """As many cards, women, nationalities and offices as the figures say at this scale."""
    total = round(applicants.APPLICATIONS * SCALE)

    def counted(sql: str) -> dict[Any, int]:
        return dict(store.execute(sql).fetchall())

    outcomes = counted("SELECT outcome, count(*) FROM permits GROUP BY 1")
    cards = round(total * applicants.REGULARISED / applicants.APPLICATIONS)
    assert outcomes == {"granted": cards, "refused": total - cards}
    women = counted("SELECT outcome, count(*) FROM permits WHERE sex = 'F' GROUP BY 1")
    assert women == {"granted": round(total * applicants.WOMEN / applicants.APPLICATIONS)}
    found = counted("SELECT nationality, count(*) FROM permits GROUP BY 1")
    expected = applicants.apportioned(applicants.applicant_shares(), total)
    assert found == {code: count for code, count in expected.items() if count}
    dismissed = counted("SELECT appeal_status, count(*) FROM permits GROUP BY 1")["dismissed"]
    assert dismissed == round(total * applicants.DISMISSED / applicants.APPLICATIONS)
    assert f"{total:>9,}{27_649:>12,}{total:>11,}" in told
    assert "23,609" in told, "the other published total is named"


def test_the_law_of_the_years_is_followed(store: sqlite3.Connection) -> None:
    """A year at first, carried over by itself in 2015 and 2016, three years on request from 2017 on."""
    terms = {"issued": set(), "automatic": set(), "2017": set()}  # type: ignore[var-annotated]
    for name, payload in store.execute("SELECT name, payload FROM events WHERE name LIKE 'permit.%'"):
        event = json.loads(payload)
        if name == "permit.issued@1":
            terms["issued"].add(event["term"])
        elif name == "permit.renewed@1" and event.get("track") == "automatic":
            terms["automatic"].add(event["term"])
            assert "2015-02-09" <= event["effective_on"] <= "2017-01-09"
        elif name == "permit.renewed@1" and event["effective_on"] >= "2017-01-10":
            terms["2017"].add(event["term"])
        elif name == "permit.appealed@1":
            assert event["effective_on"] >= "2014-06-26", "the national commission did not sit before"
    assert terms == {"issued": {"P1Y"}, "automatic": {"P1Y"}, "2017": {"P3Y"}}
    lapsed = store.execute("SELECT count(*) FROM permits WHERE lapsed_on IS NOT NULL").fetchone()[0]
    assert lapsed > 0, "some holders never answer"


def test_every_letter_is_in_the_holders_language(home: Path, store: sqlite3.Connection) -> None:
    """French, Arabic and English, as the notices' rows say; the counter serves the rest."""
    letters = dict(
        store.execute(
            "SELECT notice_id, language FROM notices WHERE kind IN ('renewal_reminder', 'title_lapsed')"
        )
    )
    written = {path.stem: path for path in (home / "left" / "mail").glob("*.eml")}
    assert written.keys() == letters.keys()
    assert set(letters.values()) == {"ar", "en", "fr"}
    for notice_id, language in letters.items():
        assert f"Content-Language: {language}" in written[notice_id].read_text(encoding="utf-8")
    states = {row[0] for row in store.execute("SELECT DISTINCT state FROM notices")}
    assert states <= {"sent", "suppressed"}


def test_the_offices_are_the_countrys() -> None:
    """Each published prefecture has its office in the packaged policy, and each figure its office."""
    offices = compile_text(packaged("MA")).offices
    assert set(applicants.OFFICES.values()) <= offices.keys()
    printed = applicants.shares("campaign-2014-regularised-by-prefecture", "prefecture")
    assert printed.keys() == applicants.OFFICES.keys()


def fingerprint(path: Path) -> str:
    """All that the store's history says in clear, in order: encrypted fields differ by their nonces."""
    digest = hashlib.sha256()
    with sqlite3.connect(path) as connection:
        for *place, payload in connection.execute(
            "SELECT position, stream, version, name, recorded_at, payload FROM events ORDER BY position"
        ):
            event = json.loads(payload)
            event.pop("sealed", None)
            digest.update(json.dumps([place, event], sort_keys=True).encode())
    return digest.hexdigest()


def test_one_family_and_one_refugee_are_told_through_the_years(home: Path, told: str) -> None:
    """In a store of their own, each year with the paper that they stay by, and with what the law refused."""
    story = told.partition("One family and one refugee through the years\n")[2].partition("Try next:")[0]
    assert "(removal.protected)" in story
    assert "(criterion.unknown)" in story
    rows = re.findall(r"(?m)^  (\d{4})-07-01  (.+)$", story)
    assert [year for year, _ in rows] == [str(year) for year in range(2014, 2024)]
    assert dict(rows)["2019"].split("  ")[0] == "ten-year card"
    connection = sqlite3.connect(home / "left" / "years.db")
    names = {name for (name,) in connection.execute("SELECT DISTINCT name FROM events")}
    connection.close()
    assert {"permit.principal_ended@1", "permit.dependent_linked@1", "permit.lost_by_absence@1"} <= names


@dataclass
class Run:
    """A small demo on a terminal: what it showed there, what it printed, and its folder."""

    folder: Path
    shown: bytes
    printed: str


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A demo of a few files, its standard error on a terminal, sets in one order."""
    home = once(tmp_path_factory, "small", run_small)
    return Run(home / "left", (home / "shown").read_bytes(), (home / "printed").read_text(encoding="utf-8"))


def run_small(home: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PERMITS, "demo", *TINY, "--seed", "3", "--out", "left"],
        cwd=home,
        env=environment(TERM="xterm", COLUMNS="100", PYTHONHASHSEED="1"),
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as running:
        os.close(theirs)
        (home / "shown").write_bytes(b"".join(_everything(ours)))
        assert running.stdout is not None
        (home / "printed").write_bytes(running.stdout.read())
    os.close(ours)
    assert running.returncode == 0


def test_progress_is_shown_on_a_terminal_only(small: Run) -> None:
    """On standard error; standard output holds the account and nothing else."""
    assert re.search(rb"\w+ 201[4-8]", small.shown)
    assert small.printed == (small.folder / "account.txt").read_text(encoding="utf-8")


@dataclass
class Checkout:
    """A folder with this Makefile and a program in its environment, in which sets have another order."""

    folder: Path

    def make(self, out: str) -> subprocess.CompletedProcess[str]:
        """Run ``make demo``."""
        return subprocess.run(
            ["make", "demo", "SCALE=0.0002", "SEED=3", f"OUT={out}"],
            cwd=self.folder,
            env={**os.environ, "PYTHONHASHSEED": "2"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which an interrupted demo has made room for a whole one."""
    return Checkout(once(tmp_path_factory, "checkout", lay_out))


def lay_out(folder: Path) -> None:
    made = ("requirements/run.txt", "requirements/build.txt", "pyproject.toml", ".venv/.made", ".venv/.run")
    for name in made:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    (folder / "Makefile").symlink_to(ROOT / "Makefile")
    (folder / ".venv" / "bin").mkdir()
    program = folder / ".venv" / "bin" / "permits"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec {" ".join(PERMITS)} "$@"\n')
    program.chmod(0o755)
    interrupted = folder / "left"
    interrupted.mkdir()
    (interrupted / ".permits-demo").touch()
    (interrupted / "permits.db").write_text("half")
    done = Checkout(folder).make("left/")
    assert done.returncode == 0, done.stderr


def test_make_demo_replaces_a_demo_and_nothing_else(checkout: Checkout) -> None:
    """An earlier demo, whole or interrupted, makes room; any other folder is left as it is."""
    assert (checkout.folder / "left" / "account.txt").exists()
    mine = checkout.folder / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine")
    assert checkout.make("mine").returncode != 0
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
    names = {path.name for path in checkout.folder.iterdir() if path.name.startswith(("left", "mine"))}
    assert names == {"left", "mine"}


def test_the_same_seed_gives_the_same_history(small: Run, checkout: Checkout, bare: Cli) -> None:
    """Ids and their order included, whatever order Python gives its sets in; another seed gives another."""
    bare.ok("demo", *TINY, "--seed", "4", "--out", "other")
    for store in ("permits.db", "years.db"):
        same, other = (
            fingerprint(checkout.folder / "left" / store),
            fingerprint(bare.folder / "other" / store),
        )
        assert fingerprint(small.folder / store) == same != other


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--scale", "0"], "scale"),
        (["--scale", "-1"], "scale"),
        (["--scale", "nan"], "scale"),
        (["--scale", "inf"], "scale"),
        (["--scale", "1e9"], "scale"),
        (["--scale", "much"], "scale"),
        (["--seed", "-1"], "seed"),
        (["--seed", "99999999999999999999999"], "seed"),
        (["--out", "full"], "full has files in it"),
        (["--out", "file"], "file has files in it"),
        (["--out", "file/inside"], "file/inside"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_reason(bare: Cli, arguments: list[str], says: str) -> None:
    """Exit 2, a sentence, and nothing made or touched."""
    (bare.folder / "full").mkdir()
    (bare.folder / "full" / "thesis.txt").write_text("mine")
    (bare.folder / "file").write_text("mine")
    done = bare("demo", *arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert {path.name for path in bare.folder.iterdir()} == {"full", "file"}
    assert [path.name for path in (bare.folder / "full").iterdir()] == ["thesis.txt"]


def test_an_interrupted_demo_leaves_a_folder_that_can_be_replaced(tmp_path: Path) -> None:
    """Its marker is the first thing in it."""
    out = tmp_path / "left"
    with subprocess.Popen(
        [*PERMITS, "demo", "--scale", "0.05", "--out", str(out)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hears_ctrl_c,  # noqa: PLW1509 (this process has one thread)
    ) as running:
        while not (out / "permits.db").exists() and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate()
    assert running.returncode not in (0, None)
    assert "Traceback" not in said
    assert (out / ".permits-demo").exists()


def _everything(terminal: int) -> Iterator[bytes]:
    while select.select([terminal], [], [], 60)[0]:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:  # the other side is closed
            return
        if not chunk:
            return
        yield chunk
