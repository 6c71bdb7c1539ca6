"""The benchmarks run, on both databases, and write what they measured beside the machine's own figures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--size", "5", "--events", "600", "--permits", "60", "--due", "5", "--each", "2", "--writers", "2")
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
