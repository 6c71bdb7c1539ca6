"""The benchmarks run, on both databases, and write what they measured beside the machine's own figures."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.machine import Machine
from benchmarks.measure import Measure
from benchmarks.page import write

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--size", "5", "--events", "600", "--permits", "15", "--due", "3", "--each", "2", "--writers", "2")
WRITTEN = ("many commands at once", "one command")
READ = (
    "fold every permit",
    "replay, every decision again",
    "what if, under another policy",
    "verify",
    "rebuild the permits",
    "load one permit",
)
HANDED = (
    "export as parquet",
    "export as cloudevents",
    "export as csv",
    "export as xes",
    "DuckDB: count by office and event",
)
PASS = ("finding what is due", "doing what is due", "letters by SMTP, end to end")
BESIDE = ("2 writers", "2 hosts that work for 20 ms")


def test_every_measure_gives_a_figure_on_both_databases(tmp_path: Path) -> None:
    """On a store of a few files: what is proved is that they measure, not how fast this machine is."""
    page = tmp_path / "performance.md"
    page.write_text(
        "# Before\n\n<!-- measured -->\nof before\n<!-- /measured -->\n\nAfter.\n", encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *SMALL, "--page", str(page)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"fsync [\d,]+ us", done.stdout)
    told = page.read_text(encoding="utf-8")
    assert told.startswith("# Before\n")
    assert told.endswith("\nAfter.\n")
    assert "of before" not in told
    _, sqlite, postgresql = re.split(r"(?m)^### ", told)
    for text, names in (
        (sqlite, (*WRITTEN, *READ, *HANDED, *PASS)),
        (postgresql, (*WRITTEN, *READ, *HANDED, *PASS, *BESIDE)),
    ):
        rows = dict(re.findall(r"(?m)^\| ([^|]+) \| (?:\*\*([\d.]+)\*\*)?", text))
        for name in names:
            assert name in rows, f"{name} is missing in\n{text}"
            assert name in PASS or name in HANDED or float(rows[name]) > 0
        assert "xychart-beta" in text


@pytest.mark.parametrize("place", ["", "\n", "of before\n", "\nof before\n\n"])
def test_figures_go_into_their_place_whether_or_not_it_is_empty(tmp_path: Path, place: str) -> None:
    """A new page has nothing between the marks; the figures of a second run take the place of the first's."""
    page = tmp_path / "performance.md"
    page.write_text(f"# Before\n\n<!-- measured -->\n{place}<!-- /measured -->\n\nAfter.\n", encoding="utf-8")
    machine = Machine("3.11", "3.40", 2, 100.0, 1.0)
    for speed in (20.0, 10.0):
        write(page, machine, {"SQLite": [Measure("verify", "event", speed, 40.0, 0.25)]})
    told = page.read_text(encoding="utf-8")
    assert told.startswith(f"# Before\n\n<!-- measured -->\n\n{machine.told()}.\n")
    assert told.endswith("```\n\n<!-- /measured -->\n\nAfter.\n")
    assert "**0.25**" in told
    assert "**0.50**" not in told
    assert "of before" not in told


def test_a_page_without_a_place_is_left_as_it_is(tmp_path: Path) -> None:
    """And said to be so."""
    page = tmp_path / "performance.md"
    page.write_text("# Before\n", encoding="utf-8")
    with pytest.raises(ValueError, match="has no place for the figures"):
        write(page, Machine("3.11", "3.40", 2, 100.0, 1.0), {})
    assert page.read_text(encoding="utf-8") == "# Before\n"
