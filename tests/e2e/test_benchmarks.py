"""The benchmarks run, on both databases, and tell the machine's own figures beside."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_measure_gives_a_figure_on_both_databases() -> None:
    """On a store of a few files: what is proved is that they measure, not how fast this machine is."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--size", "5"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    machine, *databases = re.split(r"\n(?=SQLite|PostgreSQL)", done.stdout)
    assert re.search(r"fsync [\d,]+ us", machine)
    assert [each.split()[0] for each in databases] == ["SQLite", "PostgreSQL"]
    for each in databases:
        for measure in ("execute_many", "execute, one command", "a pass, nothing due", "rebuild"):
            assert re.search(rf"(?m)^  {measure} +[\d.,]+", each), f"{measure} is missing in\n{each}"
        shares = re.findall(r"share of the driver +([\d.]+)", each)
        assert len(shares) == 2
        assert all(float(share) > 0 for share in shares)
